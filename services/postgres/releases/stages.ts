import { z } from 'zod';

import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { Stage } from '@pointsman/protocol/releases/release';
import { UnstorableArtifact, unstorableText } from '../../../core/texts/release-texts.ts';
import {
  type CompiledDigests,
  type StageSpan,
  type StageTimes,
  StoreStageResult,
} from '../../../handlers/ports/stages.ts';
import { type BlobContent, blobColumns, storeBlobs } from '../content/blobs.ts';
import type { Database } from '../database.ts';
import { answerOf, at, json } from '../rows.ts';

export interface StageRecord extends StageTimes {
  readonly stage: Stage;
  readonly state: 'passed' | 'failed';
  readonly diagnostics?: readonly Diagnostic[];
}

/**
 * Records a stage of a release that has ended now.
 * @returns false if the release is closed, in which case nothing is recorded
 */
export async function recordStage(
  db: Database,
  { tenant, bundle, version }: ReleaseId,
  { stage, state, invocationId, startedAt, diagnostics = [] }: StageRecord,
): Promise<boolean> {
  const values = [
    bundle,
    version,
    stage,
    state,
    invocationId,
    at(startedAt),
    at(Date.now()),
    json(diagnostics),
  ];
  const call = 'record_stage($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)';
  return answerOf(z.boolean(), await db.answer(tenant, call, values));
}

/**
 * The maximum total size of compiled blobs that are stored by the same statement that records the compilation. Larger
 * blobs are stored before it.
 */
const FEW_BYTES = 256 * 1024;

/**
 * Stores the compiled blobs, and records that the stages validate and compile have passed.
 * @returns false if the release is closed, in which case no stage is recorded
 */
export async function recordCompiled(
  db: Database,
  { tenant, bundle, version }: ReleaseId,
  blobs: readonly BlobContent[],
  validated: StageSpan,
  { invocationId, startedAt }: StageTimes,
): Promise<boolean> {
  const few = blobs.reduce((sum, blob) => sum + blob.content.length, 0) <= FEW_BYTES;
  if (!few) await storeBlobs(db, tenant, blobs);
  const spans = [validated.startedAt, validated.finishedAt, startedAt, Date.now()].map(at);
  const values = [bundle, version, invocationId, ...spans, ...blobColumns(blobs, { withContents: few })];
  const call = 'record_compiled($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)';
  return answerOf(z.boolean(), await db.answer(tenant, call, values));
}

const [Stored, Closed, Broken] = StoreStageResult.options;

/** The result of the SQL function `store_artifacts`. It contains a cause; the text for it is added in TypeScript. */
const StoredRow = z.discriminatedUnion('kind', [
  Stored,
  Closed,
  Broken.omit({ reason: true }).extend({ cause: UnstorableArtifact }),
]);

/**
 * Stores either all of the artifacts or none, and retains them for the release. If the release is closed, nothing is
 * stored.
 */
export async function storeArtifacts(
  db: Database,
  { tenant, bundle, version }: ReleaseId,
  channel: string,
  artifacts: CompiledDigests['artifacts'],
  { invocationId, startedAt }: StageTimes,
): Promise<StoreStageResult> {
  const values = [bundle, version, channel, json(artifacts), invocationId, at(startedAt), at(Date.now())];
  const call = 'store_artifacts($1, $2, $3, $4, $5::jsonb, $6, $7, $8)';
  const answer = answerOf(StoredRow, await db.answer(tenant, call, values));
  if (answer.kind !== 'broken') return answer;
  return { kind: 'broken', reason: unstorableText(answer.cause, channel) };
}
