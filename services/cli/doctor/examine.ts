import { correlationId } from '../../../core/identifiers.ts';
import type { CommandRun } from '../command-run.ts';
import { cliLimits } from '../limits.ts';
import { spoken } from '../wording.ts';
import { apiFindings } from './api.ts';
import { databaseFindings, withDatabase } from './database.ts';
import { look, type Finding } from './finding.ts';
import { oldReleases, type InFlight } from './in-flight.ts';
import { repair } from './repair.ts';
import { restateFindings } from './restate.ts';
import { findSystems } from './systems.ts';

/** Looks at everything, from here down to the stores, and has old releases looked after when that was asked for. */
export async function examine(run: CommandRun, isRepairing: boolean): Promise<Finding[]> {
  const { client } = run;
  const systems = await findSystems(run.env, client.url);
  const ours: Finding = { about: 'Node', state: 'well', says: process.version };
  return withDatabase(systems.databaseUrl, async (db) => {
    const [api, restate, database] = await Promise.all([
      apiFindings(client),
      restateFindings(systems.restateAdminUrl),
      databaseFindings(db, systems.isOwnStack),
    ]);
    const known = [ours, ...api, ...restate, ...database];
    // Without the API, or a token for it, nothing can be said about releases.
    if (api.some(({ state }) => state === 'ill')) return known;
    const releases = await look('releases', async () => {
      const old = await oldReleases(db, client, Date.now());
      if (old.length === 0 || !isRepairing) return releaseFindings(old);
      return repair(client, systems.restateIngressUrl, old, run.signal);
    });
    return [...known, ...releases];
  });
}

function releaseFindings(old: readonly InFlight[]): Finding[] {
  const bound = spoken(cliLimits.oldReleaseMs);
  if (old.length === 0)
    return [{ about: 'releases', state: 'well', says: `none in flight for longer than ${bound}` }];
  return old.map((release) => ({
    about: correlationId(release),
    state: 'odd',
    says: `in flight for longer than ${bound}`,
    advice: [`pointsman status --tenant ${release.tenant} ${release.bundle} --release ${release.version}`],
  }));
}
