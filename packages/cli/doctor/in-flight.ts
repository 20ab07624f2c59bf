import { z } from 'zod';

import { BundleName, type PointerId, type ReleaseId } from '@pointsman/protocol/identifiers';
import type { Database } from '../../../services/postgres/database.ts';
import { listInFlight } from '../../../services/postgres/upkeep/sweep.ts';
import { bundlePath, tenantsPath } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { cliLimits } from '../limits.ts';
import { listRows } from '@pointsman/client/internal/http/pages';
import { ReleaseView } from '@pointsman/client/internal/http/resources';
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
  if (db !== null) return listInFlight(db, { olderThan, limit: clientLimits.pageRows });
  return ofEachTenant(tenants, async (tenant) => {
    const found: InFlight[] = [];
    const bundles = await listRows(client, `${tenantsPath}/${tenant}/bundles`, Bundle, clientLimits.pageRows);
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
