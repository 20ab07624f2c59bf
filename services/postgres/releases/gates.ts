import { z } from 'zod';

import { Gate, type OpenGate } from '@pointsman/protocol/releases/gate';
import { BundleName, type ReleaseId, Version } from '@pointsman/protocol/identifiers';
import { WindowRule } from '../../../core/gates/gate-rules.ts';
import { opensAt } from '../../../core/gates/window.ts';
import { DecisionResult } from '../../../handlers/contract/release.ts';
import { type Gates, GateStatus, WaitingGate } from '../../../handlers/ports/gates.ts';
import { StoredTime } from '@pointsman/protocol/json/storable';
import {
  closedWindowText,
  GateFacts,
  gateFailureText,
  gateText,
  neverOpenText,
} from '../../../core/texts/gate-texts.ts';
import type { Database } from '../database.ts';
import { OpenGateRow } from './gate-rows.ts';
import { allRows, answerOf, at, json } from '../rows.ts';

const WaitingRow = WaitingGate.omit({ statusText: true })
  .extend({ facts: GateFacts })
  .transform(({ facts, ...gate }): WaitingGate => {
    const until = facts.deadlineAt === null ? '' : `, until ${facts.deadlineAt}`;
    return { ...gate, statusText: `${gateText(facts)}${until}` };
  });

const ListedGate = z.object({ gate: OpenGateRow });

const [Waiting, Failed, Closed] = GateStatus.options;

/** The result of the SQL function `evaluate_gates`. It contains facts; the texts for them are added in TypeScript. */
const StatusRow = z.discriminatedUnion('kind', [
  Waiting.extend({ gates: z.array(WaitingRow) }),
  Failed.omit({ reason: true }).extend({ facts: GateFacts }),
  Closed,
  /** All gates except the time windows have passed. The time windows are then evaluated in TypeScript. */
  Waiting.omit({ gates: true }).extend({ kind: z.literal('windows'), windows: z.array(WindowRule) }),
]);

/**
 * Evaluates gates and records decisions in the database. For details see functions/gates.sql and
 * functions/decisions.sql.
 */
export function postgresGates(db: Database): Gates {
  return {
    evaluate: (id, nowMs) => evaluate(db, id, nowMs),
    async recordDecision({ tenant, bundle, version }, { at: nowMs, ...request }) {
      const decision = json({ ...request, tenant, bundle, version });
      return answerOf(
        DecisionResult,
        await db.answer(tenant, 'record_decision($2::jsonb, $3)', [decision, at(nowMs)]),
      );
    },
  };
}

async function evaluate(db: Database, id: ReleaseId, nowMs: number): Promise<GateStatus> {
  const { tenant, bundle, version } = id;
  const rows = await db.answer(tenant, 'evaluate_gates($1, $2, $3, $4)', [bundle, version, at(nowMs)]);
  const row = answerOf(StatusRow, rows);
  if (row.kind === 'failed') return { kind: 'failed', reason: gateFailureText(row.facts) };
  if (row.kind !== 'windows') return row;
  const closed = row.windows.flatMap((window) => closedWindow(window, nowMs));
  const names = closed.map(({ gate }) => gate);
  await db.answer(tenant, 'record_windows($1, $2, $3, $4::text[], $5)', [bundle, version, names, at(nowMs)]);
  if (closed.length === 0) return { kind: 'passed' };
  const never = closed.find(({ deadlineMs }) => deadlineMs === Infinity);
  if (never) return { kind: 'failed', reason: neverOpenText(never.gate) };
  return { kind: 'waiting', gatesDecided: row.gatesDecided, gates: closed };
}

/** Returns the time window as a waiting gate if the window is closed. Returns an empty list if the window is open. */
function closedWindow(window: WindowRule, nowMs: number): WaitingGate[] {
  const opens = opensAt(window, nowMs);
  if (opens !== null && opens <= nowMs) return [];
  const statusText = closedWindowText(window.name, opens === null ? null : new Date(opens).toISOString());
  return [{ gate: window.name, kind: 'window', url: null, statusText, deadlineMs: opens ?? Infinity }];
}

/** The name and kind of a gate. The release may not have reached its gate stage yet. */
const GateRef = Gate.pick({ gate: true, kind: true });
export type GateRef = z.infer<typeof GateRef>;

/**
 * Lists the gates that a release must pass, in the order of the policy. The list is empty if the release does not
 * exist.
 */
export async function listGateNames(
  db: Database,
  { tenant, bundle, version }: ReleaseId,
): Promise<GateRef[]> {
  const sql = `SELECT n.gate, n.kind FROM releases r, gate_rules(r.tenant, r.policy_version, r.channel) n
    WHERE r.tenant = $1 AND r.bundle = $2 AND r.version = $3 ORDER BY n.ordinal`;
  return allRows(GateRef, await db.call(tenant, sql, [tenant, bundle, version]));
}

/**
 * The sort key of the last gate on a page, after which the next page starts. Gate names have the same format as
 * bundle names.
 */
export const OpenGatePosition = z.tuple([StoredTime, BundleName, Version, BundleName]);
export type OpenGatePosition = z.infer<typeof OpenGatePosition>;

export function openGatePosition({ openedAt, bundle, version, gate }: OpenGate): OpenGatePosition {
  return [openedAt, bundle, version, gate];
}

/** Lists the open gates of a tenant, oldest first. `after` is the position of the previous page's last gate. */
export async function listOpenGates(
  db: Database,
  tenant: string,
  { after = null, limit }: { after?: OpenGatePosition | null; limit: number },
): Promise<OpenGate[]> {
  const sql = `SELECT gate_json(g, r) || jsonb_build_object('bundle', r.bundle, 'version', r.version, 'channel', r.channel,
      'digest', r.digest, 'author', r."by") AS gate
    FROM gates g JOIN releases r USING (tenant, bundle, version)
    WHERE g.tenant = $1 AND g.state = 'open' AND may_advance(r)
      AND (g.opened_at, g.bundle, g.version, g.gate) > ($2, $3, $4, $5)
    ORDER BY g.opened_at, g.bundle, g.version, g.gate LIMIT $6`;
  const rows = await db.call(tenant, sql, [tenant, ...(after ?? ['-infinity', '', 0, '']), limit]);
  return allRows(ListedGate, rows).map(({ gate }) => gate);
}
