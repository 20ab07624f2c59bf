import { z } from 'zod';

import { Digest, Generation, Version } from '../identifiers.ts';

/**
 * A hold on a pointer. Until the hold is lifted, publishes and promotions can't move the pointer, but a
 * rollback can.
 */
export const Hold = z.object({ reason: z.string(), by: z.string(), at: z.string() });
export type Hold = z.infer<typeof Hold>;

/**
 * The state of a pointer. Before its first move, the generation is 0, and version, digest and movedAt are
 * null.
 */
export const Pointer = z.object({
  version: Version.nullable(),
  digest: Digest.nullable(),
  generation: Generation,
  hold: Hold.nullable(),
  movedAt: z.string().nullable(),
});
export type Pointer = z.infer<typeof Pointer>;

/** The release to which a pointer pointed before or after a move. */
const MoveEnd = z.object({ version: Version, digest: Digest });

/** One move in the history of a pointer. `from` is null for the first move. */
export const Move = z.object({
  generation: Generation,
  from: MoveEnd.nullable(),
  to: MoveEnd,
  by: z.string(),
  why: z.string(),
  /** For a rollback: the generation of the earlier move whose state it restored. */
  restores: Generation.nullable(),
  movedAt: z.string(),
});
export type Move = z.infer<typeof Move>;
