import { z } from 'zod';

import { type DeliveryName, HookProvider } from '@pointsman/protocol/hook';
import { Outcome } from '@pointsman/protocol/releases/release';
import { ReportDropped, reportDroppedText } from '../../../core/texts/hook-texts.ts';
import { NextReport } from '../../../handlers/ports/hooks.ts';
import type { Database } from '../database.ts';
import { answerOf, at, storable } from '../rows.ts';

const NextRow = NextReport.extend({
  /** The reason to skip this status; null if it must be sent. */
  dropped: ReportDropped.nullable(),
});

/**
 * The next commit status to send; null if no status is waiting. Ends each status that must not be sent, in its own transaction, so a
 * repeated call finds it ended.
 */
export async function nextReport(
  db: Database,
  name: DeliveryName,
  epochMs: number,
): Promise<NextReport | null> {
  const { tenant, hook, delivery } = name;
  for (;;) {
    const rows = await db.answer(tenant, 'next_report($1, $2, $3)', [hook, delivery]);
    const next = answerOf(NextRow.nullable(), rows);
    if (next === null) return null;
    const { dropped, ...report } = next;
    if (dropped === null) return report;
    const replaced = dropped === 'final_reported' || dropped === 'later_delivery';
    const state = replaced ? 'skipped' : 'failed';
    await recordReport(db, name, report.kind, { state, detail: reportDroppedText(dropped), at: epochMs });
  }
}

const Report = z.object({
  outcome: Outcome.nullable(),
  reason: z.string().nullable(),
  version: z.number().int().nullable(),
  repository: z.string(),
  ref: z.string(),
  commit: z.string(),
  bundle: z.string(),
  channel: z.string(),
  provider: HookProvider,
  apiUrl: z.string().nullable(),
  /** Sealed. */
  token: z.string().nullable(),
});

/** The data of a commit status; null if the hook was deleted, or now has another repository. */
export async function findReport(
  db: Database,
  { tenant, hook, delivery }: DeliveryName,
  kind: NextReport['kind'],
): Promise<z.infer<typeof Report> | null> {
  const rows = await db.answer(tenant, 'find_report($1, $2, $3, $4)', [hook, delivery, kind]);
  return answerOf(Report.nullable(), rows);
}

/** Records the result of a commit status, both in its row and in the ledger of the release. Only the first result counts. */
export async function recordReport(
  db: Database,
  { tenant, hook, delivery }: DeliveryName,
  kind: NextReport['kind'],
  { state, detail, at: epochMs }: { state: 'done' | 'failed' | 'skipped'; detail: string; at: number },
): Promise<void> {
  const values = [hook, delivery, kind, state, storable(detail), at(epochMs)];
  await db.answer(tenant, 'record_report($1, $2, $3, $4, $5, $6, $7)', values);
}
