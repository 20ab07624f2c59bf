import { z } from 'zod';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { Stage } from '@pointsman/protocol/releases/release';
import { RemoteCompileRule } from '../../core/policy.ts';
import type { ReleaseInput } from '../contract/release.ts';

/**
 * The port for the stages validate, compile and store. The rules for all ports at the top of ports/deps.ts
 * apply.
 */

/** The invocation that runs a stage, and the time at which the stage started, in epoch milliseconds. */
export interface StageTimes {
  readonly invocationId: string;
  readonly startedAt: number;
}

/** The source violates a rule. The release settles as rejected. */
interface Invalid {
  readonly kind: 'invalid';
  readonly summary: string;
}

/** The release was already closed, so the step must not cause any effect. */
export const Closed = z.object({ kind: z.literal('closed') });
export type Closed = z.infer<typeof Closed>;

export const Prepared = z.discriminatedUnion('kind', [
  /** The artifacts are registered. If `gated` is true, the release must pass its gates before the swap. */
  z.object({ kind: z.literal('prepared'), gated: z.boolean() }),
  /** The external compiler of this rule must compile the source. After that, the release is prepared again. */
  z.object({ kind: z.literal('compile_remotely'), rule: RemoteCompileRule }),
  Closed,
  /**
   * A limit was exceeded, or the source can't be processed for another reason that a retry does not fix. The
   * release settles as errored.
   */
  z.object({ kind: z.literal('broken'), stage: Stage, reason: z.string() }),
]);
export type Prepared = z.infer<typeof Prepared>;

/** The result of a preparation. It is also invalid if the compiled output exceeds the tenant's quota. */
export type Preparation = Prepared | Invalid;

export interface Stages {
  /**
   * Takes the compilation of the release's source, or compiles the source and stores the compilation. Then
   * registers the artifacts, writes the effect ledger and opens the gates, in one transaction. Records these
   * stages, and the problems of an invalid source with their locations. Does nothing if the release is
   * closed. Every part is idempotent, and a late or unused compilation is harmless.
   */
  prepare(id: ReleaseId, input: ReleaseInput, times: StageTimes): Promise<Preparation>;
}
