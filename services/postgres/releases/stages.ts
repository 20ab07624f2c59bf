import { z } from 'zod';

import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { Stage } from '@pointsman/protocol/releases/release';
import { UnstorableArtifact, unstorableText } from '../../../core/texts/release-texts.ts';
import { LOCAL_EXECUTOR } from '../../../core/releases/local-compiler.ts';
import { Prepared, type StageTimes } from '../../../handlers/ports/stages.ts';
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

const [Ready, Remotely, Closed] = Prepared.options;

/** The result of the SQL function `prepare_release`. It contains a cause; the text for it is added in TypeScript. */
const PreparedRow = z.discriminatedUnion('kind', [
  Ready,
  Remotely,
  Closed,
  /** The local compiler must compile the source first. */
  z.object({ kind: z.literal('not_compiled') }),
  z.object({ kind: z.literal('broken'), cause: UnstorableArtifact }),
]);

/**
 * Prepares a release from the compilation of its source: registers all of its artifacts or none, retains them for the
 * release, and opens its gates. Does nothing if the release is closed.
 */
export async function prepareRelease(
  db: Database,
  { tenant, bundle, version }: ReleaseId,
  channel: string,
  { invocationId, startedAt }: StageTimes,
): Promise<Prepared | { readonly kind: 'not_compiled' }> {
  const values = [bundle, version, LOCAL_EXECUTOR, invocationId, at(startedAt), at(Date.now())];
  const answer = answerOf(
    PreparedRow,
    await db.answer(tenant, 'prepare_release($1, $2, $3, $4, $5, $6, $7)', values),
  );
  if (answer.kind !== 'broken') return answer;
  return { kind: 'broken', stage: 'store', reason: unstorableText(answer.cause, channel) };
}
