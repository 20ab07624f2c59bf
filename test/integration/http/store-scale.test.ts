import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ReleaseId } from '../../../packages/protocol/identifiers.ts';
import { Policy } from '../../../core/policy.ts';
import { findArtifactFile } from '../../../services/postgres/content/artifacts.ts';
import { listBundles } from '../../../services/postgres/content/bundles.ts';
import { openDatabase } from '../../../services/postgres/database.ts';
import { recordHealth } from '../../../services/postgres/upkeep/doctor.ts';
import { listGateNames, listOpenGates, postgresGates } from '../../../services/postgres/releases/gates.ts';
import { findPointer, listMoves, listPointers } from '../../../services/postgres/channels/pointers.ts';
import {
  findRelease,
  findReleaseProgress,
  listReleases,
} from '../../../services/postgres/releases/releases.ts';
import { listInFlight } from '../../../services/postgres/upkeep/sweep.ts';
import { findTenant, listTenants } from '../../../services/postgres/tenants/tenants.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { aDecision } from '../../support/worlds/gated-store.ts';
import {
  AT,
  admitRequest,
  admitted,
  handRequest,
  newTenant,
  prepared,
  published,
  putArtifact,
  readyToSwap,
  recordOn,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

describe('with 10,000 tenants and a bundle of 2,000 releases', () => {
  const OF_RELEASES = ['releases', 'stages', 'effects', 'gates', 'gate_decisions', 'gate_changes'];

  /** Inserts many rows directly into the tables. With the triggers enabled, the inserts would take a minute. */
  async function grow(tenant: string): Promise<void> {
    const id = { tenant, bundle: 'bundle', version: 1 };
    const digest = await published(store, id);
    await store.owner.query('SET search_path = pointsman');
    await store.owner.query(`SET session_replication_role = 'replica'`);
    const approved = [
      `gates VALUES ($1, 'bundle', 1, 'release', 1, 'approval', '{"count": 1}', 'passed', 0, now(), now(), now())`,
      `gate_decisions VALUES ($1, 'bundle', 1, 'release', 0, 'alice', 'approve', NULL, NULL, now())`,
      `gate_changes VALUES ($1, 'bundle', 1, 1, 'release', 'decided', 0, 'alice', now())`,
    ];
    for (const row of approved) await store.owner.query(`INSERT INTO ${row}`, [tenant]);
    const columns = (table: string, kept: string) =>
      `INSERT INTO ${table} SELECT ${kept} FROM ${table} x, generate_series(2, 2000) i`;
    const own = `WHERE x.tenant = '${tenant}'`;
    const rows = [
      `${columns('releases', `(jsonb_populate_record(x, jsonb_build_object('version', i, 'generation', i, 'seq', i))).*`)} ${own}`,
      `${columns('stages', `(jsonb_populate_record(x, jsonb_build_object('version', i))).*`)} ${own}`,
      ...['effects', 'gates', 'gate_decisions', 'gate_changes'].map(
        (table) =>
          `${columns(table, `(jsonb_populate_record(x, jsonb_build_object('version', i))).*`)} ${own}`,
      ),
      `${columns('moves', `(jsonb_populate_record(x, jsonb_build_object('generation', i, 'seq', i, 'from_version', i - 1, 'from_digest', '${digest}', 'to_version', i))).*`)} ${own}`,
      `UPDATE pointers SET generation = 2000, version = 2000 WHERE tenant = '${tenant}'`,
      `UPDATE tenants SET feed_seq = 2000 WHERE tenant = '${tenant}'`,
      ...[
        'tenants',
        'tenant_usage',
        'bundles',
        'blobs',
        'sources',
        'artifacts',
        'artifact_blobs',
        'releases',
        'stages',
        'effects',
        'gates',
        'gate_decisions',
        'gate_changes',
        'pointers',
        'moves',
      ].map(
        (table) =>
          `INSERT INTO ${table} SELECT (jsonb_populate_record(x, jsonb_build_object('tenant', 'many-' || i))).* FROM ${table} x, generate_series(1, 10000) i
           WHERE x.tenant = '${tenant}' ${OF_RELEASES.includes(table) ? 'AND x.version = 1' : ''} ${table === 'moves' ? 'AND x.generation = 1' : ''}`,
      ),
    ];
    for (const sql of rows) await store.owner.query(sql);
    await store.owner.query(`SET session_replication_role = 'origin'`);
    await store.owner.query('ANALYZE');
  }

  const GATED = Policy.parse({
    channels: { gated: { gates: [{ approval: { name: 'release', count: 2 } }] } },
  });

  /** Brings a release of that bundle to its gate and records one of two approvals. */
  async function waitAtGate(own: Store, id: ReleaseId): Promise<void> {
    const gates = postgresGates(own.db);
    await readyToSwap(own, id, { channel: 'gated' });
    expect(await gates.recordDecision(...aDecision(id, AT))).toMatchObject({
      kind: 'recorded',
      decisions: 1,
    });
    expect(await gates.evaluate(id, AT)).toMatchObject({ kind: 'waiting' });
    expect(await findReleaseProgress(own.db, id)).toMatchObject({ gates: [{ state: 'open' }] });
    expect(await listOpenGates(own.db, id.tenant, { limit: 50 })).toHaveLength(id.version);
    expect(await listGateNames(own.db, id)).toHaveLength(1);
  }

  /**
   * Waits until the connections of that name have ended. A connection reports its statistics when it ends.
   */
  const gone = (application: string) =>
    eventually(
      async () => {
        const { rowCount } = await store.owner.query(
          'SELECT FROM pg_stat_activity WHERE application_name = $1',
          [application],
        );
        return rowCount === 0;
      },
      { what: `the end of the connections of ${application}` },
    );

  /** The number of sequential scans and of index scans of each large table. */
  const counted = async () => {
    const { rows } = await store.owner.query<{ name: string; seq: number; index: number }>(
      `SELECT relname AS name, seq_scan::int AS seq, idx_scan::int AS index FROM pg_stat_user_tables
       WHERE schemaname = 'pointsman' AND n_live_tup > 5000 ORDER BY 1`,
    );
    return {
      seq: Object.fromEntries(rows.map(({ name, seq }) => [name, seq])),
      index: Object.fromEntries(rows.map(({ name, index }) => [name, index])),
    };
  };

  test('the steps of a release and the reads of the store never scan a whole table', async () => {
    const tenant = await newTenant(store);
    await grow(tenant);
    // Ends the connections that made the rows, so that their statistics are not reported later.
    await store.owner.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'store-test'`,
    );
    await gone('store-test');
    await store.owner.query('SELECT pg_stat_force_next_flush()');
    const before = await counted();
    expect(Object.keys(before.seq)).toEqual(
      expect.arrayContaining([...OF_RELEASES, 'moves', 'pointers', 'blobs']),
    );
    // Uses a separate pool of connections. PostgreSQL reports the statistics of a connection when it ends, so the
    // pool is closed before the statistics are read.
    const db = openDatabase(store.postgres.appUrl, { applicationName: 'counted' });
    const own: Store = { ...store, ...recordOn(db) };
    const pointer = { tenant, bundle: 'bundle', channel: 'live' };
    const id = { tenant, bundle: 'bundle', version: 2001 };
    await store.owner.query(`INSERT INTO policies VALUES ($1, 1, $2, NULL, 'x', now())`, [tenant, GATED]);
    // Ten rounds, because PostgreSQL may change the plan of a statement after several executions.
    for (let round = 0; round < 10; round++) {
      const next = { ...id, version: id.version + round };
      await admitted(own, next);
      const digest = await putArtifact(own, tenant, `artifact ${round}`);
      await prepared(own, next, digest);
      const swap = { ...next, channel: 'live', expectedGeneration: 2000 + 2 * round, at: AT };
      expect(await own.moves.moveByRelease(swap)).toMatchObject({ kind: 'moved' });
      await own.admissions.admit(await admitRequest(own, next, { supersedes: [1, 2] }));
      expect(await own.admissions.readBundle(tenant, 'bundle')).toMatchObject({ lastVersion: next.version });
      expect(await findRelease(db, next)).toMatchObject({ outcome: 'published' });
      expect(await listReleases(db, tenant, 'bundle', { before: 1_000, limit: 5 })).toHaveLength(5);
      expect(await listMoves(db, pointer, { before: 1_000, limit: 5 })).toHaveLength(5);
      expect(await findPointer(db, pointer)).toMatchObject({ version: next.version });
      expect(await listPointers(db, tenant, 'bundle', { limit: 5 })).toHaveLength(1);
      expect(await listBundles(db, tenant, { limit: 1 })).toHaveLength(1);
      expect(await findArtifactFile(db, tenant, digest, 'config.json')).not.toBeNull();
      expect(await findTenant(db, tenant)).not.toBeNull();
      expect(await listTenants(db, { after: 'many-5', limit: 5 })).toHaveLength(5);
      await listInFlight(db, { olderThan: AT + 1, limit: 5 });
      await waitAtGate(own, { tenant, bundle: 'waits', version: round + 1 });
      await own.moves.moveByHand(handRequest({ tenant, version: 1 }));
    }
    await db.close();
    await gone('counted');
    const after = await counted();
    expect(after.seq).toEqual(before.seq);
    // Checks that each table was read through an index, so the statistics did count something.
    for (const [table, count] of Object.entries(after.index))
      expect(count, table).toBeGreaterThan(before.index[table]!);
    expect(await recordHealth(store.db)).toMatchObject({ dangling: 0 });
  });
});
