import { z } from 'zod';

import { Digest, type ReleaseId } from '@pointsman/protocol/identifiers';
import type { RemoteCompileRule } from '../../core/policy.ts';

/** The stages that build a release. The rules of ports/deps.ts apply here too. */

/** When a stage started and ended, by the workflow's clock. */
export interface StageTimes {
  readonly invocationId: string;
  readonly startedAt: number;
}

/** When a completed stage started and ended, in epoch milliseconds. */
export interface StageSpan {
  readonly startedAt: number;
  readonly finishedAt: number;
}

export const CompiledDigests = z.object({
  /** A null channel is the base. */
  artifacts: z.array(z.object({ channel: z.string().nullable(), digest: Digest })),
});
export type CompiledDigests = z.infer<typeof CompiledDigests>;

export type ValidateStageResult =
  /**
   * With an executor, only the local part of the validation has passed. The external compiler does the rest.
   * Absent: compiled locally.
   */
  ({ readonly kind: 'valid'; readonly executor?: RemoteCompileRule } & StageSpan) | Invalid | Broken;

/** A rule rejects the release, which ends as rejected. */
interface Invalid {
  readonly kind: 'invalid';
  readonly summary: string;
}

/** A limit was exceeded, or the source can't be processed for a reason that a retry does not fix. */
const Broken = z.object({ kind: z.literal('broken'), reason: z.string() });
type Broken = z.infer<typeof Broken>;

/** Invalid when the compiled output exceeds the tenant's quota. */
export type CompileStageResult = ({ readonly kind: 'compiled' } & CompiledDigests) | Invalid | Broken;

/** The release has already been closed. No stage may have further effects. */
export const Closed = z.object({ kind: z.literal('closed') });
export type Closed = z.infer<typeof Closed>;

export const StoreStageResult = z.discriminatedUnion('kind', [
  /** `gated`: the release needs a decision before the swap. */
  z.object({ kind: z.literal('stored'), digest: Digest, gated: z.boolean() }),
  Closed,
  Broken,
]);
export type StoreStageResult = z.infer<typeof StoreStageResult>;

export interface Stages {
  /**
   * Validates the whole source. Findings are recorded with their locations. A clean result is recorded with
   * the next stage.
   */
  validate(id: ReleaseId, source: string, times: StageTimes): Promise<ValidateStageResult>;
  /** Compiles and uploads the blobs, each under its digest. Repeated, late or unused uploads are harmless. */
  compile(
    id: ReleaseId,
    source: string,
    validated: StageSpan,
    times: StageTimes,
  ): Promise<CompileStageResult | Closed>;
  /**
   * In one transaction, unless the release is closed: checks that every blob of the manifests is stored,
   * registers the artifacts, claims them for the release, and writes the ledger. Returns the digest for the
   * release's own channel.
   */
  store(
    id: ReleaseId,
    channel: string,
    compiled: CompiledDigests,
    times: StageTimes,
  ): Promise<StoreStageResult>;
}
