import { createHash } from 'node:crypto';

import { z } from 'zod';

import { Diagnostic, summaryOf } from '@pointsman/protocol/releases/diagnostic';
import { calloutKey, Purpose } from '../../../core/callout.ts';
import { Digest } from '@pointsman/protocol/identifiers';
import { compilerFailedText, REPORTED, Revoked, revokedText } from '../../../core/texts/release-texts.ts';
import {
  RecordedCallback,
  type Callbacks,
  EndedAttempt,
  OpenedCallback,
} from '../../../handlers/ports/callbacks.ts';
import { RefusalRow } from './callback-refusals.ts';
import { checkArtifacts, type ManifestReader } from './callback-artifacts.ts';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, json, storable } from '../rows.ts';

const StateRow = z.object({ state: z.string() });
const CallbackIdRow = z.object({ tenant: z.string(), id: z.string() });

const [Taken] = RecordedCallback.options;
const RecordedRow = z.discriminatedUnion('kind', [Taken, ...RefusalRow.options]);

const [Compiled, Invalid, Failed, Closed] = EndedAttempt.options;

/** The result of the SQL function `end_attempt`. It contains facts; the texts for them are added in TypeScript. */
const EndedRow = z.discriminatedUnion('kind', [
  Compiled,
  Invalid.omit({ summary: true }).extend({ diagnostics: z.array(Diagnostic) }),
  Revoked.extend({ kind: z.literal('revoked'), final: z.boolean() }),
  /** The compiler reported that it has failed. */
  Failed.omit({ reason: true, final: true }).extend({ message: z.string() }),
  Closed,
]);

/**
 * Stores the requests to external checks and compilers, and the reports that they send. For details see
 * functions/callbacks.sql.
 */
export function postgresCallbacks(db: Database, readManifest: ManifestReader): Callbacks {
  return {
    async open({ at: nowMs, capability, ...callout }) {
      const { tenant, bundle, version } = callout.id;
      const { awakeableId, deadlineMs, detail, purpose, subject } = callout;
      const sha256 = hashOf(capability);
      const row = { id: calloutKey(callout), purpose, subject, sha256, awakeableId, deadlineMs, detail };
      const values = [bundle, version, json(row), at(nowMs)];
      return answerOf(
        OpenedCallback,
        await db.answer(tenant, 'open_callback($1, $2, $3, $4::jsonb, $5)', values),
      );
    },
    async isOpen(callout) {
      const { tenant } = callout.id;
      const sql = `SELECT state FROM callbacks WHERE tenant = $1 AND id = $2`;
      const rows = await db.call(tenant, sql, [tenant, calloutKey(callout)]);
      return allRows(StateRow, rows)[0]?.state === 'open';
    },
    async recordRequested({ id: { tenant, bundle, version }, purpose, subject }, detail, nowMs) {
      const values = [bundle, version, purpose, subject, 'done', storable(detail), at(nowMs)];
      await db.answer(tenant, 'record_request($1, $2, $3, $4, $5, $6, $7, $8)', values);
    },
    async giveUp(callout, { reason, final, at: nowMs }) {
      const { tenant, bundle, version } = callout.id;
      const values = [bundle, version, calloutKey(callout), storable(reason), final, at(nowMs)];
      const call = 'give_up_callback($1, $2, $3, $4, $5, $6, $7)';
      return answerOf(z.boolean(), await db.answer(tenant, call, values));
    },
    async recordReport(release, { callback, report, fingerprint, requestId, at: nowMs }) {
      const { tenant, bundle, version } = release;
      const status = await evaluateCallback(db, { tenant, id: callback }, fingerprint, nowMs);
      if (status.refusal === null && report.purpose === 'compile' && report.content.status === 'compiled') {
        const unfit = await checkArtifacts(db, release, report.content.artifacts, readManifest);
        if (unfit !== null) return unfit;
      }
      const values = [
        bundle,
        version,
        callback,
        json(report.content),
        fingerprint,
        requestId,
        REPORTED,
        at(nowMs),
      ];
      const call = 'record_callback($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9)';
      return answerOf(RecordedRow, await db.answer(tenant, call, values));
    },
    async endAttempt(id, attempt, nowMs) {
      const { tenant, bundle, version } = id;
      const subject = String(attempt);
      const key = calloutKey({ id, purpose: 'compile', subject });
      const values = [bundle, version, key, subject, at(nowMs)];
      const rows = await db.answer(tenant, 'end_attempt($1, $2, $3, $4, $5, $6)', values);
      return endedAttempt(answerOf(EndedRow, rows));
    },
  };
}

function endedAttempt(ended: z.infer<typeof EndedRow>): EndedAttempt {
  switch (ended.kind) {
    case 'compiled':
    case 'closed':
      return ended;
    case 'invalid':
      return { kind: 'invalid', summary: summaryOf(ended.diagnostics) };
    case 'failed':
      return { kind: 'failed', reason: compilerFailedText(ended.message), final: false };
    case 'revoked':
      return { kind: 'failed', reason: revokedText(ended), final: ended.final };
  }
}

/** The identity of a callback. A callback is the URL to which an external check or compiler sends its report. */
export interface CallbackId {
  readonly tenant: string;
  readonly id: string;
}

/**
 * Finds the callback of a capability (the secret in its URL). Returns null if the capability was never issued, or was
 * replaced.
 */
export async function findCallback(db: Database, capability: string): Promise<CallbackId | null> {
  const rows = await db.platform('SELECT tenant, id FROM find_callback($1)', [hashOf(capability)]);
  return allRows(CallbackIdRow, rows)[0] ?? null;
}

const Status = z.object({
  bundle: z.string(),
  version: z.number().int(),
  purpose: Purpose,
  source: Digest,
  /** Null while the callback is open. */
  refusal: RecordedRow.nullable(),
});
export type CallbackStatus = z.infer<typeof Status>;

/**
 * Returns the purpose of a callback, and whether it accepts a report. If `fingerprint` (the digest of a report) is
 * given, the result also shows whether this report was received before.
 */
export async function evaluateCallback(
  db: Database,
  { tenant, id }: CallbackId,
  fingerprint: string | null,
  nowMs: number,
): Promise<CallbackStatus> {
  return answerOf(
    Status,
    await db.answer(tenant, 'evaluate_callback($1, $2, $3, $4)', [id, fingerprint, at(nowMs)]),
  );
}

function hashOf(capability: string): string {
  return createHash('sha256').update(capability).digest('hex');
}
