import { z } from 'zod';

import { type PointerId, type ReleaseId, releaseKey } from '@pointsman/protocol/identifiers';
import type { Database } from '../database.ts';
import { allRows, at, Big } from '../rows.ts';

const Row = z.object({
  tenant: z.string(),
  bundle: z.string(),
  channel: z.string(),
  version: Big,
  source: z.string(),
  created_at: z.date(),
});

export interface InFlight extends ReleaseId, PointerId {
  readonly source: string;
  readonly admittedAt: Date;
}

/**
 * Lists the releases of all tenants that have not settled, oldest first. A queued release is omitted if another
 * release of the same pointer is in flight.
 * @param options.after the last release of the previous page
 */
export async function listInFlight(
  db: Database,
  { olderThan, limit, after = null }: { olderThan: number; limit: number; after?: InFlight | null },
): Promise<InFlight[]> {
  const rows = await db.platform(
    'SELECT tenant, bundle, channel, version, source, created_at FROM in_flight($1, $2, $3, $4)',
    [at(olderThan), after?.admittedAt ?? at(0), after ? releaseKey(after) : '', limit],
  );
  return allRows(Row, rows).map(({ created_at: admittedAt, ...release }) => ({ ...release, admittedAt }));
}
