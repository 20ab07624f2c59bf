import { isDeepStrictEqual } from 'node:util';

import type { PointerId } from '@pointsman/protocol/identifiers';
import type { Pointer } from '@pointsman/protocol/moves/pointer';
import type { Database } from '../../postgres/database.ts';
import type { Notice, Notifications } from '../../postgres/notifications.ts';
import { findPointers } from '../../postgres/channels/pointers.ts';
import { watchLimits } from '../limits.ts';
import { Watches } from '../watches/watches.ts';

/**
 * Watches pointers for the long-polls and event streams of this process. The value of a pointer is null if the bundle does not have the
 * channel.
 */
export function watchPointers(
  db: Database,
  notifications: Notifications,
): Watches<PointerId, Pointer | null> {
  return new Watches<PointerId, Pointer | null>({
    keyOf: pointerName,
    tenantOf: ({ tenant }) => tenant,
    load: (tenant, watched) => {
      const ids = watched.map(({ key }) => key);
      return findPointers(db, tenant, ids);
    },
    perLoad: watchLimits.pointersPerLoad,
    isSame: isDeepStrictEqual,
    subscribe: ({ tenant, bundle, channel }, notify) =>
      notifications.subscribe(tenant, bundle, (notice) => {
        if (notice === null || (MOVES.has(notice.kind) && notice.channel === channel)) notify();
      }),
    recheckMs: watchLimits.recheckMs,
  });
}

/** The kinds of database notifications that announce a change of a pointer. */
const MOVES = new Set<Notice['kind']>(['moved', 'hold']);

/** Returns a name for the pointer that is unique across tenants. */
export function pointerName({ tenant, bundle, channel }: PointerId): string {
  return `${tenant}/${bundle}/${channel}`;
}
