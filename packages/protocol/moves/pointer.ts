import { z } from 'zod';

import { Digest, Generation, Version } from '../identifiers.ts';

/** Pins a pointer: no publish or promotion moves it until the hold is lifted. A rollback does. */
export const Hold = z.object({ reason: z.string(), by: z.string(), at: z.string() });
export type Hold = z.infer<typeof Hold>;

/** What a pointer names. Version, digest and movedAt are null, and the generation is 0, until the first move. */
export const Pointer = z.object({
  version: Version.nullable(),
  digest: Digest.nullable(),
  generation: Generation,
  hold: Hold.nullable(),
  movedAt: z.string().nullable(),
});
export type Pointer = z.infer<typeof Pointer>;

/** One end of a move. */
const MoveEnd = z.object({ version: Version, digest: Digest });

/** One row of a pointer's history. `from` is null at the first move. */
export const Move = z.object({
  generation: Generation,
  from: MoveEnd.nullable(),
  to: MoveEnd,
  by: z.string(),
  why: z.string(),
  /** A rollback: the generation of the earlier move whose state it restored. */
  restores: Generation.nullable(),
  movedAt: z.string(),
});
export type Move = z.infer<typeof Move>;
