import { z } from 'zod';

import { type ReleaseId, releaseKey } from '@pointsman/protocol/identifiers';
import { BROKERS } from '@pointsman/protocol/sinks/sink';
import type { Database } from '../database.ts';
import { namedReleases } from '../releases/releases.ts';
import { allRows, Big, Iso, oneRow } from '../rows.ts';

const BrokerName = z.enum(BROKERS);

const Row = z.object({ dangling: Big, in_flight: Big, oldest: Iso.nullable() });

export interface RecordHealth {
  /** The number of pointers whose artifact is missing. Any number other than 0 means that the database is damaged. */
  readonly dangling: number;
  readonly inFlight: number;
  /**
   * The time at which the oldest release that has not settled was admitted. It is null if all releases have settled.
   */
  readonly oldest: string | null;
}

const Failing = z.object({ broker: BrokerName, partitions: Big, since: Iso, reason: z.string().nullable() });
export type FailingBroker = z.infer<typeof Failing>;

/**
 * Lists the brokers that currently fail. For each, returns the number of failing partitions, and the start and the
 * reason of the oldest failure.
 */
export async function failingBrokers(db: Database): Promise<FailingBroker[]> {
  const sql = `SELECT broker, count(*) AS partitions, min(failing_since) AS since, (array_agg(last_error ORDER BY failing_since))[1] AS reason
    FROM broker_streams WHERE failures > 0 GROUP BY broker ORDER BY broker`;
  return allRows(Failing, await db.platform(sql));
}

export async function recordHealth(db: Database): Promise<RecordHealth> {
  const row = oneRow(Row, await db.platform('SELECT dangling, in_flight, oldest FROM health()'));
  return { dangling: row.dangling, inFlight: row.in_flight, oldest: row.oldest };
}

const Mode = z.object({ read_only: z.boolean() });

/** Whether the server rejects writes, because it is a standby or is set to read-only. */
export async function isReadOnly(db: Database): Promise<boolean> {
  const [row] = await db.platform(
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only",
  );
  return Mode.parse(row).read_only;
}

const Name = z.object({ bundle: z.string(), version: Big });

/**
 * Removes the releases that wait for a gate, an external compiler, a sink or another release. The order of the others
 * does not change.
 */
export async function withoutWaiting<R extends ReleaseId>(
  db: Database,
  releases: readonly R[],
): Promise<R[]> {
  const kept = new Set<string>();
  // Queries each tenant separately, because a transaction can access only the rows of one tenant.
  for (const [tenant, own] of Map.groupBy(releases, (release) => release.tenant)) {
    const rows = await db.call(
      tenant,
      `SELECT (r).bundle, (r).version FROM (${namedReleases('$2', '$3')}) AS selected (r)
       WHERE (r).status <> 'settled' AND waiting_for(r) = '[]'`,
      [tenant, own.map(({ bundle }) => bundle), own.map(({ version }) => version)],
    );
    for (const { bundle, version } of allRows(Name, rows)) kept.add(releaseKey({ tenant, bundle, version }));
  }
  return releases.filter((release) => kept.has(releaseKey(release)));
}
