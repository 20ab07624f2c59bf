import { findingLimits } from '@pointsman/protocol/limits';
import type { Finding } from '@pointsman/protocol/findings/finding';
import { oldReleaseFindings } from '@pointsman/protocol/findings/finding-texts';
import type { Database } from '../../postgres/database.ts';
import { withoutWaiting } from '../../postgres/upkeep/doctor.ts';
import { type InFlight, listInFlight } from '../../postgres/upkeep/sweep.ts';
import { diagnosisLimits } from './limits.ts';

/**
 * Releases of all tenants that were accepted longer than {@link findingLimits.oldReleaseMs} ago, have not settled, and wait for nothing:
 * no gate, compiler, sink or other release.
 *
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
    summary: 'not all checked: more releases are in flight for long than one examination lists',
    actions: ['To list those of one tenant: npx pointsman status --tenant <name>'],
  };
}
