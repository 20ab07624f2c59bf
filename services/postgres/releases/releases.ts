import { z } from 'zod';

import { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { GateChange } from '@pointsman/protocol/releases/gate';
import { Origin } from '@pointsman/protocol/hook';
import { BundleName, Digest, type ReleaseId, Version } from '@pointsman/protocol/identifiers';
import {
  Effect,
  EffectState,
  Outcome,
  ReleaseStatus,
  Stage,
  StageState,
  Verification,
} from '@pointsman/protocol/releases/release';
import { effectText, unchangedText } from '../../../core/texts/release-texts.ts';
import type { Database } from '../database.ts';
import { GateRow } from './gate-rows.ts';
import { WaitingRow } from './waiting.ts';
import { allRows, Big, Iso } from '../rows.ts';

const StageRow = z.object({
  stage: Stage,
  state: StageState,
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  diagnostics: z.array(Diagnostic),
});

const EffectRow = z.object({
  effect: Effect,
  state: EffectState,
  detail: z.string().nullable(),
  at: z.string(),
});

const Columns = z.object({
  tenant: z.string(),
  bundle: z.string(),
  version: Big,
  channel: z.string(),
  status: ReleaseStatus,
  waitingFor: z.array(WaitingRow),
  stage: Stage.nullable(),
  outcome: Outcome.nullable(),
  verification: Verification.nullable(),
  reason: z.string().nullable(),
  source: Digest,
  digest: Digest.nullable(),
  generation: Big.nullable(),
  sameAs: Big.nullable(),
  message: z.string().nullable(),
  notBefore: Iso.nullable(),
  policyVersion: Big,
  by: z.string(),
  origin: Origin.nullable(),
  supersededBy: Big.nullable(),
  createdAt: Iso,
  settledAt: Iso.nullable(),
  stages: z.array(StageRow),
  effects: z.array(EffectRow),
  gates: z.array(GateRow),
});

const Row = Columns.transform(withTexts);

/** A release as the API returns it. Its outcome is null until it has settled. */
export type ReleaseRecord = z.infer<typeof Row>;

const ProgressRow = Columns.extend({ gateChanges: z.array(GateChange) }).transform(withTexts);

/** A release with all changes of its gates, read as one consistent snapshot. */
export type ReleaseProgress = z.infer<typeof ProgressRow>;

function withTexts<T extends z.infer<typeof Columns>>(row: T): T {
  const { origin } = row;
  const effects = row.effects.map((line) => ({ ...line, detail: effectText({ ...line, origin }) }));
  return { ...row, reason: row.sameAs === null ? row.reason : unchangedText(row.sameAs), effects };
}

// The columns of a release. The current stage is the first stage that has not passed and was not skipped. The outcome
// is stored before the release settles, but is returned only after that.
const COLUMNS = `
  (r).tenant, (r).bundle, (r).version, (r).channel, (r).source,
  CASE WHEN (r).status = 'running' AND w.waiting_for <> '[]' THEN 'waiting' ELSE (r).status END AS status, w.waiting_for AS "waitingFor", (r).digest, (r).generation, (r).same_as AS "sameAs", (r).message, (r).by, (r).origin,
  (r).not_before AS "notBefore", (r).policy_version AS "policyVersion",
  (r).superseded_by AS "supersededBy", (r).created_at AS "createdAt", (r).settled_at AS "settledAt",
  CASE WHEN (r).status = 'settled' THEN (r).outcome END AS outcome,
  CASE WHEN (r).status = 'settled' AND (r).outcome = 'published' THEN 'skipped' END AS verification,
  CASE WHEN (r).status = 'settled' THEN (r).reason END AS reason,
  CASE WHEN (r).status = 'running' THEN (
    SELECT o.stage FROM unnest($2::text[]) WITH ORDINALITY AS o (stage, n)
    WHERE NOT EXISTS (SELECT FROM stages s WHERE (s.tenant, s.bundle, s.version, s.stage) = ((r).tenant, (r).bundle, (r).version, o.stage)
      AND s.state IN ('passed', 'skipped'))
    ORDER BY o.n LIMIT 1) END AS stage,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('stage', s.stage, 'state', s.state, 'startedAt', iso(s.started_at),
     'finishedAt', iso(s.finished_at), 'diagnostics', s.diagnostics) ORDER BY array_position($2::text[], s.stage)), '[]')
   FROM stages s WHERE (s.tenant, s.bundle, s.version) = ((r).tenant, (r).bundle, (r).version)) AS stages,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('effect', e.effect, 'state', e.state, 'detail', e.detail, 'at', iso(e.at))
     ORDER BY e.at, e.effect), '[]')
   FROM effects e WHERE (e.tenant, e.bundle, e.version) = ((r).tenant, (r).bundle, (r).version)) AS effects,
  (SELECT coalesce(jsonb_agg(gate_json(g, r) ORDER BY g.ordinal), '[]')
   FROM gates g WHERE (g.tenant, g.bundle, g.version) = ((r).tenant, (r).bundle, (r).version)) AS gates`;

/**
 * The FROM clause for {@link COLUMNS}, with the releases that an inner query selects. The order of evaluation matters: otherwise PostgreSQL
 * may compute what every release of the tenant waits for before it discards most of them.
 */
function fromReleases(selection: string): string {
  return `FROM (${selection} OFFSET 0) AS selected (r) CROSS JOIN LATERAL waiting_for(r) AS w (waiting_for)`;
}

/**
 * Selects the releases of tenant $1 whose bundles and versions are in two parallel lists. Each release is found by its key: a join could
 * read all releases of the tenant.
 */
export function namedReleases(bundles: string, versions: string): string {
  return `SELECT found.r FROM unnest(${bundles}::text[], ${versions}::bigint[]) AS wanted (bundle, version)
    CROSS JOIN LATERAL (SELECT r FROM releases r WHERE (r.tenant, r.bundle, r.version) = ($1, wanted.bundle, wanted.version) LIMIT 1) AS found (r)`;
}

export async function findRelease(
  db: Database,
  { tenant, bundle, version }: ReleaseId,
): Promise<ReleaseRecord | null> {
  const sql = `SELECT ${COLUMNS} ${fromReleases('SELECT r FROM releases r WHERE (r.tenant, r.bundle, r.version) = ($1, $3, $4)')}`;
  return allRows(Row, await db.call(tenant, sql, [tenant, Stage.options, bundle, version]))[0] ?? null;
}

/** Finds a release with the changes of its gates, for a reader that follows its progress. */
export async function findReleaseProgress(db: Database, id: ReleaseId): Promise<ReleaseProgress | null> {
  return (await findProgressOf(db, id.tenant, [id]))[0] ?? null;
}

/**
 * Finds many releases of a tenant with one statement. The result is in the order of `ids`; an entry is null if the
 * release does not exist.
 */
export async function findProgressOf(
  db: Database,
  tenant: string,
  ids: readonly Omit<ReleaseId, 'tenant'>[],
): Promise<(ReleaseProgress | null)[]> {
  const sql = `SELECT ${COLUMNS}, gate_changes_json(r) AS "gateChanges" ${fromReleases(namedReleases('$3', '$4'))}`;
  const values = [tenant, Stage.options, ids.map(({ bundle }) => bundle), ids.map(({ version }) => version)];
  const rows = allRows(ProgressRow, await db.call(tenant, sql, values));
  const found = new Map(rows.map((row) => [`${row.bundle}/${row.version}`, row]));
  return ids.map(({ bundle, version }) => found.get(`${bundle}/${version}`) ?? null);
}

/** Lists the releases of a bundle, newest first. `before` is the last version of the previous page. */
export async function listReleases(
  db: Database,
  tenant: string,
  bundle: string,
  { before = null, limit }: { before?: number | null; limit: number },
): Promise<ReleaseRecord[]> {
  const selection = `SELECT r FROM releases r
    WHERE r.tenant = $1 AND r.bundle = $3 AND r.version < coalesce($4::bigint, 9223372036854775807)
    ORDER BY r.version DESC LIMIT $5`;
  const sql = `SELECT ${COLUMNS} ${fromReleases(selection)} ORDER BY (r).version DESC`;
  return allRows(Row, await db.call(tenant, sql, [tenant, Stage.options, bundle, before, limit]));
}

/** The sort key of the last release on a page, after which the next page starts. */
export const InFlightPosition = z.tuple([z.iso.datetime(), BundleName, Version]);
export type InFlightPosition = z.infer<typeof InFlightPosition>;

export function inFlightPosition({ createdAt, bundle, version }: ReleaseRecord): InFlightPosition {
  return [createdAt, bundle, version];
}

/**
 * Lists the releases of all bundles of a tenant that have not settled, oldest first. `after` is the position of the
 * previous page's last release.
 */
export async function listInFlight(
  db: Database,
  tenant: string,
  { after = null, limit }: { after?: InFlightPosition | null; limit: number },
): Promise<ReleaseRecord[]> {
  const selection = `SELECT r FROM releases r
    WHERE r.tenant = $1 AND r.status <> 'settled' AND (r.created_at, r.bundle, r.version) > ($3, $4, $5)
    ORDER BY r.created_at, r.bundle, r.version LIMIT $6`;
  const sql = `SELECT ${COLUMNS} ${fromReleases(selection)} ORDER BY (r).created_at, (r).bundle, (r).version`;
  const position = after ?? ['-infinity', '', 0];
  return allRows(Row, await db.call(tenant, sql, [tenant, Stage.options, ...position, limit]));
}
