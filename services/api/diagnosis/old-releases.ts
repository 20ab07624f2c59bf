import { findingLimits } from '@pointsman/protocol/limits';
import type { Finding } from '@pointsman/protocol/findings/finding';
import { oldReleaseFindings } from '@pointsman/protocol/findings/finding-texts';
import type { Database } from '../../postgres/database.ts';
import { withoutWaiting } from '../../postgres/upkeep/doctor.ts';
import { type InFlight, listInFlight } from '../../postgres/upkeep/sweep.ts';
import { diagnosisLimits } from './limits.ts';

/**
 * Finds the releases of all tenants that were accepted more than {@link findingLimits.oldReleaseMs} ago and have not settled. Excludes
 * releases that are waiting for a gate, a compiler, a sink or another release.
 * @param now milliseconds since the epoch
 */
export async function releaseFindings(db: Database, now: number): Promise<Finding[]> {
  const { oldReleases: limit, releasePages } = diagnosisLimits;
  const old: InFlight[] = [];
  let page: InFlight[] = [];
  for (let nth = 0; nth < releasePages; nth++) {
    const after = page.at(-1) ?? null;
    page = await listInFlight(db, { olderThan: now - findingLimits.oldReleaseMs, limit, after });
    old.push(...(await withoutWaiting(db, page)));
    if (page.length < limit) return oldReleaseFindings(old);
    if (old.length >= limit) break;
  }
  const checked = old.slice(0, limit);
  return [...(checked.length === 0 ? [] : oldReleaseFindings(checked)), furtherReleases()];
}

function furtherReleases(): Finding {
  return {
    subject: 'releases',
    state: 'unknown',
    summary: 'not all checked: there are more old releases in flight than one diagnosis lists',
    actions: ['To list those of one tenant: npx pointsman status --tenant <name>'],
  };
}
