import { z } from 'zod';

import { Digest, type ReleaseId } from '@pointsman/protocol/identifiers';
import type { RemoteCompileRule } from '../../core/policy.ts';

/** The port for the stages validate, compile and store. The rules of ports/deps.ts apply here too. */

/** The start and end times of a stage, by the workflow's clock. */
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
  /** The artifact of each channel. A null channel means the base artifact. */
  artifacts: z.array(z.object({ channel: z.string().nullable(), digest: Digest })),
});
export type CompiledDigests = z.infer<typeof CompiledDigests>;

export type ValidateStageResult =
  /**
   * The source is valid. If `executor` is set, only the local part of the validation has passed, and that
   * external compiler validates the rest. If it is absent, Pointsman compiles the source itself.
   */
  ({ readonly kind: 'valid'; readonly executor?: RemoteCompileRule } & StageSpan) | Invalid | Broken;

/** The source violates a rule, and the release ends as rejected. */
interface Invalid {
  readonly kind: 'invalid';
  readonly summary: string;
}

/**
 * The release ends as errored: a limit was exceeded, or the source can't be processed for a reason that a
 * retry does not fix.
 */
const Broken = z.object({ kind: z.literal('broken'), reason: z.string() });
type Broken = z.infer<typeof Broken>;

/**
 * The result of the compile stage. Invalid also means that the compiled output exceeds the tenant's quota.
 */
export type CompileStageResult = ({ readonly kind: 'compiled' } & CompiledDigests) | Invalid | Broken;

/** The release has already been closed. No stage may have further effects. */
export const Closed = z.object({ kind: z.literal('closed') });
export type Closed = z.infer<typeof Closed>;

export const StoreStageResult = z.discriminatedUnion('kind', [
  /** The artifacts are stored. If `gated` is true, gates must pass before the swap. */
  z.object({ kind: z.literal('stored'), digest: Digest, gated: z.boolean() }),
  Closed,
  Broken,
]);
export type StoreStageResult = z.infer<typeof StoreStageResult>;

export interface Stages {
  /**
   * Validates the whole source, and records the problems with their locations. A result without problems is
   * recorded by the next stage.
   */
  validate(id: ReleaseId, source: string, times: StageTimes): Promise<ValidateStageResult>;
  /**
   * Compiles the source and uploads the blobs, each under its digest. A repeated, late or unused upload is
   * harmless.
   */
  compile(
    id: ReleaseId,
    source: string,
    validated: StageSpan,
    times: StageTimes,
  ): Promise<CompileStageResult | Closed>;
  /**
   * Registers the artifacts for the release, in one transaction that also writes the ledger. First checks
   * that every blob in the manifests is stored. Does nothing if the release is closed. Returns the digest for
   * the release's own channel.
   */
  store(
    id: ReleaseId,
    channel: string,
    compiled: CompiledDigests,
    times: StageTimes,
  ): Promise<StoreStageResult>;
}
