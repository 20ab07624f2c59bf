import { z } from 'zod';

import { Digest, type ReleaseId } from '@pointsman/protocol/identifiers';
import type { RemoteCompileRule } from '../../core/policy.ts';

/**
 * The port for the stages validate, compile and store. The rules for all ports at the top of ports/deps.ts
 * apply.
 */

/** The invocation that runs a stage, and the time at which the stage started, in epoch milliseconds. */
export interface StageTimes {
  readonly invocationId: string;
  readonly startedAt: number;
}

/** The start and end times of a completed stage, in epoch milliseconds. */
export interface StageSpan {
  readonly startedAt: number;
  readonly finishedAt: number;
}

export const CompiledDigests = z.object({
  /**
   * The artifacts that were compiled, with their channels. The artifact with a null channel is the base
   * artifact: it is used for every channel without its own artifact.
   */
  artifacts: z.array(z.object({ channel: z.string().nullable(), digest: Digest })),
});
export type CompiledDigests = z.infer<typeof CompiledDigests>;

export type ValidateStageResult =
  /**
   * The source is valid. If `executor` is set, only the local checks have passed. The external compiler that
   * it names must validate and compile the source. If `executor` is missing, Pointsman compiles the source
   * itself.
   */
  ({ readonly kind: 'valid'; readonly executor?: RemoteCompileRule } & StageSpan) | Invalid | Broken;

/** The source violates a rule. The release settles as rejected. */
interface Invalid {
  readonly kind: 'invalid';
  readonly summary: string;
}

/**
 * A limit was exceeded, or the source can't be processed for another reason that a retry does not fix. The
 * release settles as errored.
 */
const Broken = z.object({ kind: z.literal('broken'), reason: z.string() });
type Broken = z.infer<typeof Broken>;

/** The result of the compile stage. It is also invalid if the compiled output exceeds the tenant's quota. */
export type CompileStageResult = ({ readonly kind: 'compiled' } & CompiledDigests) | Invalid | Broken;

/** The release was already closed, so the stage must not cause any effect. */
export const Closed = z.object({ kind: z.literal('closed') });
export type Closed = z.infer<typeof Closed>;

export const StoreStageResult = z.discriminatedUnion('kind', [
  /** The artifacts are registered. If `gated` is true, the release must pass its gates before the swap. */
  z.object({ kind: z.literal('stored'), digest: Digest, gated: z.boolean() }),
  Closed,
  Broken,
]);
export type StoreStageResult = z.infer<typeof StoreStageResult>;

export interface Stages {
  /**
   * Validates the whole source. Records the problems that it finds, with their locations. If there are no
   * problems, it records nothing, because the next stage records the success.
   */
  validate(id: ReleaseId, source: string, times: StageTimes): Promise<ValidateStageResult>;
  /**
   * Compiles the source and uploads the blobs under their digests. The upload is content-addressed, so a
   * repeated, late or unused upload is harmless.
   */
  compile(
    id: ReleaseId,
    source: string,
    validated: StageSpan,
    times: StageTimes,
  ): Promise<CompileStageResult | Closed>;
  /**
   * Registers the artifacts of the release and writes the effect ledger, in one transaction. Before that,
   * checks that every blob of the manifests is stored. Does nothing if the release is closed. Returns the
   * digest of the artifact for the release's own channel.
   */
  store(
    id: ReleaseId,
    channel: string,
    compiled: CompiledDigests,
    times: StageTimes,
  ): Promise<StoreStageResult>;
}
