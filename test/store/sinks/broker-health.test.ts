import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { Policy } from '../../../core/policy.ts';
import { partitionOf } from '../../../packages/protocol/sinks/sink.ts';
import { databaseFindings } from '../../../services/api/diagnosis/database.ts';
import { openDatabase } from '../../../services/postgres/database.ts';
import { postgresMoves } from '../../../services/postgres/channels/moves.ts';
import {
  databaseTimeMs,
  type DeliveryRecord,
  openSink,
  recordDelivery,
  recordProbe,
} from '../../../services/postgres/sinks/sink-deliveries.ts';
import { findBrokerHealth, findSink, listSinks } from '../../../services/postgres/sinks/sinks.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  AT,
  connect,
  newTenant,
  published,
  readyToSwap,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
/** Two tenants of the same partition. All of their moves are delivered. */
let tenant: string;
let neighbour: string;

beforeAll(async () => {
  store = await startStore();
});
beforeEach(async () => {
  await store.owner.query('DELETE FROM pointsman.broker_streams');
  tenant = await newTenant(store);
  const where = partitionOf(tenant);
  do neighbour = await newTenant(store);
  while (partitionOf(neighbour) !== where);
});
afterEach(async () => {
  expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
  // Marks all moves as delivered, because the next test may use the same partition.
  await store.owner.query(
    'UPDATE pointsman.sinks k SET delivered_seq = t.feed_seq FROM pointsman.tenants t WHERE t.tenant = k.tenant',
  );
});
afterAll(() => store.stop());

const failing = { failures: 1, sinceMs: AT, retryAtMs: AT + 1_000, reason: 'away', whole: true };
const delivery = (more: Partial<DeliveryRecord> = {}): DeliveryRecord => ({
  tenant,
  sink: 'redis',
  start: 0,
  seq: 0,
  failed: null,
  healthyAtMs: AT,
  pause: null,
  attempts: [],
  at: AT,
  ...more,
});
/** Records a successful health check that began `ageMs` milliseconds ago by the database's clock. */
const probedAgo = async (ageMs: number) => probed(null, (await databaseTimeMs(store.db)) - ageMs);
const probed = (failed: string | null, healthyAtMs = AT) =>
  recordProbe(store.db, {
    broker: 'redis',
    partition: partitionOf(tenant),
    failed,
    healthyAtMs,
    retryAtMs: null,
    at: healthyAtMs,
  });

describe('the health of a broker', () => {
  test('a broker that fails for one tenant is recorded as failing for all tenants of the partition immediately, and for no other partition', async () => {
    await published(store, { tenant, bundle: 'bundle', version: 1 });
    await recordDelivery(store.db, delivery({ failed: failing, healthyAtMs: null }));
    await recordDelivery(store.db, delivery({ tenant: neighbour, seq: 0, failed: null, healthyAtMs: null }));
    const told = { failures: 1, failingSince: new Date(AT).toISOString(), lastError: 'away' };
    expect(await findSink(store.db, tenant, 'redis')).toMatchObject(told);
    expect(await findSink(store.db, neighbour, 'redis')).toMatchObject(told);
    expect(await listSinks(store.db, neighbour)).toMatchObject([told]);
    expect(await findBrokerHealth(store.db, neighbour, 'redis')).toMatchObject(told);
    expect(await databaseFindings(store.db)).toContainEqual(
      expect.objectContaining({
        subject: 'redis',
        state: 'error',
        summary: `has failed since ${told.failingSince} for the tenants of 1 of 16 partitions: away`,
      }),
    );
    let elsewhere = await newTenant(store);
    while (partitionOf(elsewhere) === partitionOf(tenant)) elsewhere = await newTenant(store);
    const well = { failures: 0, failingSince: null, lastError: null, retryAt: null };
    expect(await findBrokerHealth(store.db, elsewhere, 'redis')).toEqual(well);
    expect(await findBrokerHealth(store.db, neighbour, 'rabbitmq')).toEqual(well);
  });

  test('a broker without a queue for one tenant’s events fails for that tenant only', async () => {
    const untaken = { ...failing, whole: false, reason: 'no queue' };
    await recordDelivery(store.db, delivery({ sink: 'rabbitmq', failed: untaken }));
    expect(await findSink(store.db, tenant, 'rabbitmq')).toMatchObject({
      failures: 1,
      lastError: 'no queue',
    });
    expect(await findBrokerHealth(store.db, neighbour, 'rabbitmq')).toMatchObject({ failures: 0 });
  });

  test('a delivery that published nothing neither proves that a broker is healthy nor clears its failure', async () => {
    const untaken = { ...failing, whole: false, reason: 'made in another way' };
    const healthy = async () =>
      (
        await store.owner.query<{ healthy_at: Date | null }>(
          `SELECT healthy_at FROM pointsman.broker_streams WHERE broker = 'rabbitmq' AND stream = $1`,
          [partitionOf(tenant)],
        )
      ).rows.map((row) => row.healthy_at);
    await recordDelivery(store.db, delivery({ sink: 'rabbitmq', failed: untaken, healthyAtMs: null }));
    expect(await healthy()).toEqual([]);
    await recordDelivery(store.db, delivery({ sink: 'rabbitmq', failed: failing, healthyAtMs: null }));
    await recordDelivery(store.db, delivery({ sink: 'rabbitmq', failed: untaken, healthyAtMs: null }));
    expect(await healthy()).toEqual([null]);
    expect(await findBrokerHealth(store.db, neighbour, 'rabbitmq')).toMatchObject({
      failures: 1,
      lastError: 'away',
    });
    await recordDelivery(store.db, delivery({ sink: 'rabbitmq', failed: untaken }));
    expect(await findBrokerHealth(store.db, neighbour, 'rabbitmq')).toMatchObject({ failures: 0 });
  });

  test('a broker that passes a health check still counts as failing while moves of any tenant of the partition are due', async () => {
    await published(store, { tenant, bundle: 'bundle', version: 1 });
    await recordDelivery(store.db, delivery({ failed: failing, healthyAtMs: null }));
    expect(await probed(null)).toBe('away');
    expect(await findBrokerHealth(store.db, neighbour, 'redis')).toMatchObject({ failures: 1 });
    await recordDelivery(store.db, delivery({ seq: 1 }));
    expect(await findBrokerHealth(store.db, neighbour, 'redis')).toMatchObject({ failures: 0 });
    expect(await probed('away again')).toBe('away again');
    expect(await probed('and again')).toBe('and again');
    expect(await findBrokerHealth(store.db, neighbour, 'redis')).toMatchObject({ failures: 2 });
    expect(await probed(null)).toBeNull();
    expect(await findBrokerHealth(store.db, neighbour, 'redis')).toMatchObject({ failures: 0 });
  });

  test('while a broker fails, every tenant of the partition waits for the time of the next attempt', async () => {
    await published(store, { tenant: neighbour, bundle: 'bundle', version: 1 });
    await recordDelivery(store.db, delivery({ failed: failing, healthyAtMs: null }));
    const opened = await openSink(store.db, { tenant: neighbour, sink: 'redis' }, { most: 1, nowMs: AT });
    expect(opened).toMatchObject({ failures: 1, shared: true, retryAtMs: failing.retryAtMs });
  });
});

describe('a channel with "whenDown: freeze" and a required sink', () => {
  const YEARS_AGO = new Date(AT - 86_400_000 * 1_000);

  /** Creates a release that is ready to swap but frozen by its sinks. Its policy was stored at `policyAt`. */
  async function frozenRelease(policyAt: Date) {
    const document = Policy.parse({
      channels: { live: { sinks: { required: ['redis'], whenDown: 'freeze' } } },
    });
    await store.owner.query(
      `INSERT INTO pointsman.policies (tenant, version, document, by, at) VALUES ($1, 1, $2, 'test', $3)`,
      [tenant, JSON.stringify(document), policyAt],
    );
    const id = { tenant, bundle: 'bundle', version: 1 };
    await readyToSwap(store, id);
    return { ...id, channel: 'live', expectedGeneration: 0, at: AT };
  }

  const stale = {
    kind: 'sinks_down',
    sinks: [{ sink: 'redis', known: false, why: 'it has not passed a health check recently' }],
  };

  test('a health check that is five seconds old does not allow a move, even if the policy is older', async () => {
    const release = await frozenRelease(YEARS_AGO);
    await probedAgo(sinkLimits.healthMaxAgeMs);
    expect(await store.moves.moveByRelease(release)).toEqual(stale);
  });

  test('a current health check allows a move, even if the policy was stored recently', async () => {
    const release = await frozenRelease(new Date(AT - 1));
    await probedAgo(0);
    expect(await store.moves.moveByRelease(release)).toMatchObject({ kind: 'moved' });
  });

  test.each([
    ['behind', -3_600_000],
    ['ahead', 3_600_000],
  ])(
    'the age of a health check is measured by the database’s clock only, even if the worker’s clock is an hour %s',
    async (_where, offsetMs) => {
      const release = await frozenRelease(YEARS_AGO);
      const at = (await databaseTimeMs(store.db)) + offsetMs;
      await probedAgo(30_000);
      expect(await store.moves.moveByRelease({ ...release, at })).toEqual(stale);
      await probedAgo(0);
      expect(await store.moves.moveByRelease({ ...release, at })).toMatchObject({ kind: 'moved' });
    },
  );

  test('a health check from the future, left by a clock that was set back, does not allow a move, but the next health check does', async () => {
    const release = await frozenRelease(YEARS_AGO);
    await probedAgo(-60_000);
    expect(await store.moves.moveByRelease(release)).toEqual(stale);
    await probedAgo(0);
    expect(await store.moves.moveByRelease(release)).toMatchObject({ kind: 'moved' });
  });

  test('a health check that expires while the move waits for a connection does not allow the move', async () => {
    const release = await frozenRelease(YEARS_AGO);
    const narrow = openDatabase(store.postgres.appUrl, { applicationName: 'narrow', connections: 1 });
    try {
      await probedAgo(sinkLimits.healthMaxAgeMs - 1_000);
      const held = narrow.platform('SELECT pg_sleep(2)', []);
      const swap = postgresMoves(narrow).moveByRelease({ ...release, at: Date.now() });
      expect(await swap).toEqual(stale);
      await held;
    } finally {
      await narrow.close();
    }
  });

  test('a recent health check does not allow a move while the broker fails for another tenant with due moves', async () => {
    await published(store, { tenant: neighbour, bundle: 'bundle', version: 1 });
    await recordDelivery(store.db, delivery({ tenant: neighbour, failed: failing, healthyAtMs: null }));
    const release = await frozenRelease(YEARS_AGO);
    await probedAgo(0);
    expect(await store.moves.moveByRelease(release)).toMatchObject({
      kind: 'sinks_down',
      sinks: [{ sink: 'redis', known: true, why: expect.stringContaining('away') as string }],
    });
  });

  test('a health check that expires while the move waits for a lock does not allow the move', async () => {
    const release = await frozenRelease(YEARS_AGO);
    await probedAgo(sinkLimits.healthMaxAgeMs - 1_000);
    const swapping = await connect(store.postgres.ownerUrl);
    try {
      await swapping.query('SET search_path = pointsman');
      const { rows } = await swapping.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await store.owner.query('BEGIN');
      await store.owner.query('SELECT FROM pointsman.tenants WHERE tenant = $1 FOR UPDATE', [tenant]);
      const answer = swapping.query<{ answer: unknown }>(
        `SELECT move_by_release($1, 'bundle', 'live', 1, 0, $2, '5 seconds') AS answer`,
        [tenant, new Date(release.at)],
      );
      await eventually(
        async () => {
          const waiting = await store.owner.query('SELECT pg_blocking_pids($1) AS pids', [rows[0]?.pid]);
          return (waiting.rows[0] as { pids: number[] }).pids.length > 0;
        },
        { what: 'the swap waits for the lock' },
      );
      await store.owner.query('SELECT pg_sleep(1)');
      await store.owner.query('COMMIT');
      const staleHealth = { kind: 'sinks_down', sinks: [{ sink: 'redis', cause: 'stale_health' }] };
      expect((await answer).rows).toEqual([{ answer: staleHealth }]);
    } finally {
      await swapping.end();
    }
  });
});
