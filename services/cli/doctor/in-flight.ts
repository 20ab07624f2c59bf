import { z } from 'zod';

import { BundleName, type PointerId, type ReleaseId } from '../../../core/identifiers.ts';
import type { Database } from '../../postgres/database.ts';
import { listInFlight } from '../../postgres/upkeep/sweep.ts';
import { bundlePath, tenantsPath } from '../client/api-paths.ts';
import type { ApiClient } from '../client/client.ts';
import { cliLimits } from '../limits.ts';
import { listRows } from '../client/pages.ts';
import { ReleaseView } from '../client/resources.ts';
import { ofEachTenant } from './tenants.ts';

/** A release, its pointer, and the digest of its source. */
export interface InFlight extends ReleaseId, PointerId {
  readonly source: string;
}

/**
 * Releases that were accepted longer than {@link cliLimits.oldReleaseMs} ago and have not settled: from the database if it is configured,
 * otherwise from what the API shows of the tenants.
 *
 * @param now milliseconds since the epoch
 */
export async function oldReleases(
  db: Database | null,
  client: ApiClient,
  tenants: readonly string[],
  now: number,
): Promise<InFlight[]> {
  const olderThan = now - cliLimits.oldReleaseMs;
  if (db !== null) return listInFlight(db, { olderThan, limit: cliLimits.pageRows });
  return ofEachTenant(tenants, async (tenant) => {
    const found: InFlight[] = [];
    const bundles = await listRows(client, `${tenantsPath}/${tenant}/bundles`, Bundle, cliLimits.pageRows);
    for (const { bundle } of bundles) {
      const path = `${bundlePath(tenant, bundle)}/releases`;
      const recent = await listRows(client, path, ReleaseView, cliLimits.doctorReleases);
      const old = recent.filter((one) => one.status === 'running' && Date.parse(one.createdAt) < olderThan);
      found.push(
        ...old.map(({ channel, version, source }) => ({ tenant, bundle, channel, version, source })),
      );
    }
    return found;
  });
}

const Bundle = z.looseObject({ bundle: BundleName });
