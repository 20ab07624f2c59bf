import { clientLimits } from '@pointsman/client/internal/http/limits';
import { findingLimits } from '@pointsman/protocol/limits';
import { pathOf, paths } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { listRows } from '@pointsman/client/internal/http/pages';
import { ReleaseView } from '@pointsman/client/internal/http/resources';
import { inBatches } from './in-batches.ts';

/**
 * Returns the releases of the tenants that have not settled and were accepted more than {@link
 * findingLimits.oldReleaseMs} ago. Omits queued releases, because they only wait for another release.
 * @param now the current time in milliseconds since the epoch
 */
export async function oldReleases(
  client: ApiClient,
  tenants: readonly string[],
  now: number,
): Promise<ReleaseView[]> {
  const olderThan = now - findingLimits.oldReleaseMs;
  return inBatches(tenants, async (tenant) => {
    const inFlight = await listRows(
      client,
      pathOf(paths.inFlight, { tenant }),
      ReleaseView,
      clientLimits.pageRows,
    );
    return inFlight.filter(
      ({ status, createdAt }) => status !== 'queued' && Date.parse(createdAt) < olderThan,
    );
  });
}
