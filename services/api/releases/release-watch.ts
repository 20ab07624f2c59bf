import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { Database } from '../../postgres/database.ts';
import type { Notifications } from '../../postgres/notifications.ts';
import { findProgressOf, type ReleaseProgress } from '../../postgres/releases/releases.ts';
import { watchLimits } from '../limits.ts';
import { Watches } from '../watches/watches.ts';

/** Watches releases for the event streams of this process. */
export function watchReleases(
  db: Database,
  notifications: Notifications,
): Watches<ReleaseId, ReleaseProgress | null> {
  return new Watches({
    keyOf: ({ tenant, bundle, version }) => `${tenant}/${bundle}/${version}`,
    tenantOf: ({ tenant }) => tenant,
    load: (tenant, watched) => {
      const ids = watched.map(({ key }) => key);
      return findProgressOf(db, tenant, ids);
    },
    perLoad: watchLimits.releasesPerLoad,
    subscribe: ({ tenant, bundle, version }, notify) =>
      notifications.subscribe(tenant, bundle, (notice) => {
        // Ignore notifications about other releases of the same bundle.
        if (notice === null || notice.version === version) notify();
      }),
    recheckMs: watchLimits.recheckMs,
  });
}
