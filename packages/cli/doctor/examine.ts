import { correlationId } from '@pointsman/protocol/identifiers';
import type { Database } from '../../../services/postgres/database.ts';
import type { CommandRun } from '../context.ts';
import { cliLimits } from '../limits.ts';
import { humanDuration } from '../output/format.ts';
import { apiFindings } from './api.ts';
import { databaseFindings, withDatabase } from './database.ts';
import { diskFindings } from './disk.ts';
import { bySeverity, check, type Finding } from './finding.ts';
import { hookFindings } from './hooks.ts';
import { oldReleases, type InFlight } from './in-flight.ts';
import { repair } from './repair.ts';
import { restateFindings } from './restate.ts';
import { sinkFindings } from './sinks.ts';
import { findSystems, type Systems } from './systems.ts';
import { listTenants, otherTenants } from './tenants.ts';
import { workerSystemsFindings } from './worker-systems.ts';

export interface ExamineOptions {
  /** Ask the tenants to reconcile releases that are in flight for long. */
  readonly repair: boolean;
  /** Bytes that must be free on each disk; null for the default. */
  readonly minFree: number | null;
}

/** Checks everything that is reachable from here. Returns the most severe findings first. */
export async function examine(run: CommandRun, options: ExamineOptions): Promise<Finding[]> {
  const systems = await findSystems(run.env, run.client.url);
  const ours: Finding = { subject: 'Node', state: 'ok', summary: process.version };
  return withDatabase(systems.databaseUrl, async (db) => {
    const [api, restate, database, disk] = await Promise.all([
      apiFindings(run.client),
      restateFindings(systems.restateAdminUrl),
      databaseFindings(db, systems.isOwnStack),
      diskFindings(systems.isOwnStack ? systems.home : null, options.minFree),
    ]);
    const worker = await workerSystemsFindings(systems.restateIngressUrl, api.workerAnswers);
    // Checks of tenants need the API and a valid token.
    const tenants = api.answers ? await tenantFindings(run, systems, { ...options, db }) : [];
    return bySeverity([ours, ...api.findings, ...worker, ...restate, ...database, ...disk, ...tenants]);
  });
}

async function tenantFindings(
  run: CommandRun,
  { restateIngressUrl }: Systems,
  options: ExamineOptions & { db: Database | null },
): Promise<Finding[]> {
  const now = Date.now();
  return check('tenants', async () => {
    const tenants = await listTenants(run.client);
    const [sinks, hooks, releases] = await Promise.all([
      sinkFindings(run.client, tenants.rows, now),
      hookFindings(run.client, tenants.rows, now),
      check('releases', async () => {
        const old = await oldReleases(options.db, run.client, tenants.rows, now);
        if (old.length === 0 || !options.repair) return releaseFindings(old);
        return repair(run.client, restateIngressUrl, old, run.signal);
      }),
    ]);
    return [...otherTenants(tenants), ...sinks, ...hooks, ...releases];
  });
}

function releaseFindings(old: readonly InFlight[]): Finding[] {
  const bound = humanDuration(cliLimits.oldReleaseMs);
  if (old.length === 0)
    return [{ subject: 'releases', state: 'ok', summary: `none in flight for longer than ${bound}` }];
  return old.map((release) => ({
    subject: correlationId(release),
    state: 'warning',
    summary: `in flight for longer than ${bound}`,
    actions: [
      `To see what it waits for: npx pointsman status --tenant ${release.tenant} ${release.bundle} --release ${release.version}`,
    ],
  }));
}
