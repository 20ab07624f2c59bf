import { bySeverity, type Finding } from '@pointsman/protocol/findings/finding';
import { oldReleaseFindings } from '@pointsman/protocol/findings/finding-texts';
import type { CommandRun } from '../context.ts';
import { apiFindings, livenessFindings } from './api.ts';
import { check, hasError } from './check.ts';
import { hookFindings } from './hooks.ts';
import { oldReleases } from './in-flight.ts';
import { repair } from './repair.ts';
import { serverFindings, type ServerFindings } from './server.ts';
import { sinkFindings } from './sinks.ts';
import { givenTenant, listTenants, otherTenants, unknownTenant } from './tenants.ts';

export interface ExamineOptions {
  /** True with `--repair`: releases that have been in flight for too long are also reconciled. */
  readonly repair: boolean;
}

/** Runs all checks that the token permits. Returns the most severe findings first. */
export async function examine(run: CommandRun, options: ExamineOptions): Promise<Finding[]> {
  const own: Finding = { subject: 'Node', state: 'ok', summary: process.version, actions: [] };
  const alive = await livenessFindings(run.client);
  if (hasError(alive)) return bySeverity([own, ...alive]);
  const [api, server] = await Promise.all([apiFindings(run.client), serverFindings(run.client)]);
  const { acceptsToken, listsTenants } = api;
  const rest = acceptsToken
    ? await tenantFindings(run, server, { ...options, listsTenants })
    : server.findings;
  return bySeverity([own, ...alive, ...api.findings, ...rest]);
}

/** Returns the findings about the tenants, and the findings of the server's own diagnosis. */
async function tenantFindings(
  run: CommandRun,
  server: ServerFindings,
  options: ExamineOptions & { readonly listsTenants: boolean },
): Promise<Finding[]> {
  const now = Date.now();
  let ofServer = server.findings;
  const ofTenants = await check('tenants', async () => {
    const tenants = options.listsTenants ? await listTenants(run.client) : givenTenant(run);
    if (tenants === null) return [unknownTenant()];
    const [sinks, hooks, releases] = await Promise.all([
      sinkFindings(run.client, tenants.rows, now),
      hookFindings(run.client, tenants.rows, now),
      check('releases', () => releaseFindings(run, tenants.rows, { server, now, ...options })),
    ]);
    // If a release was repaired, the result of the repair replaces the server's warning about that release.
    const repaired = new Set(releases.map(({ subject }) => subject));
    ofServer = ofServer.filter(({ subject }) => !repaired.has(subject));
    return [...otherTenants(tenants), ...sinks, ...hooks, ...releases];
  });
  return [...ofServer, ...ofTenants];
}

/**
 * Returns findings for releases that have been in flight for too long. With `--repair`, returns the results
 * of their repair instead. Without it, returns nothing if the server's own diagnosis already includes these
 * releases.
 */
async function releaseFindings(
  run: CommandRun,
  tenants: readonly string[],
  options: ExamineOptions & { readonly server: ServerFindings; readonly now: number },
): Promise<Finding[]> {
  const { isExamined } = options.server;
  if (isExamined && !options.repair) return [];
  const old = await oldReleases(run.client, tenants, options.now);
  if (!options.repair) return oldReleaseFindings(old.filter(({ status }) => status === 'running'));
  const repaired = await repair(run.client, old, run.signal);
  return repaired.length === 0 && !isExamined ? oldReleaseFindings([]) : repaired;
}
