import { z } from 'zod';

import { type DeliveryName, HookProvider } from '@pointsman/protocol/hook';
import { Outcome } from '@pointsman/protocol/releases/release';
import { ReportDropped, reportDroppedText } from '../../../core/texts/hook-texts.ts';
import { NextReport } from '../../../handlers/ports/hooks.ts';
import type { Database } from '../database.ts';
import { answerOf, at, storable } from '../rows.ts';

const NextRow = NextReport.extend({
  /** The reason to skip this commit status. It is null if the status must be sent. */
  dropped: ReportDropped.nullable(),
});

/**
 * Returns the next commit status to send, or null if no status is waiting. A status that must not be sent is marked
 * as ended, in a separate transaction. A repeated call does not return it again.
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
  /** The token for the provider's API, encrypted. */
  token: z.string().nullable(),
});

/** Returns the data of a commit status. Returns null if the hook was deleted, or now belongs to another repository. */
export async function findReport(
  db: Database,
  { tenant, hook, delivery }: DeliveryName,
  kind: NextReport['kind'],
): Promise<z.infer<typeof Report> | null> {
  const rows = await db.answer(tenant, 'find_report($1, $2, $3, $4)', [hook, delivery, kind]);
  return answerOf(Report.nullable(), rows);
}

/**
 * Records whether a commit status was sent. The result is stored in its own row and in the list of the release's
 * effects. If a result is already stored, it is not changed.
 */
export async function recordReport(
  db: Database,
  { tenant, hook, delivery }: DeliveryName,
  kind: NextReport['kind'],
  { state, detail, at: epochMs }: { state: 'done' | 'failed' | 'skipped'; detail: string; at: number },
): Promise<void> {
  const values = [hook, delivery, kind, state, storable(detail), at(epochMs)];
  await db.answer(tenant, 'record_report($1, $2, $3, $4, $5, $6, $7)', values);
}
