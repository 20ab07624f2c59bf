import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../core/digest.ts';
import { findArtifact, findArtifactFile } from '../../services/postgres/artifacts.ts';
import { findBlob, readBlobs, storeBlobs } from '../../services/postgres/blobs.ts';
import { bundleExists, listBundles } from '../../services/postgres/bundles.ts';
import { openDatabase } from '../../services/postgres/database.ts';
import { recordHealth } from '../../services/postgres/doctor.ts';
import { findPointer, listMoves, listPointers } from '../../services/postgres/pointers.ts';
import { findRelease, listReleases } from '../../services/postgres/releases.ts';
import { loadSource, storeSource } from '../../services/postgres/sources.ts';
import { recordStage, storeArtifacts } from '../../services/postgres/stages.ts';
import { listInFlight } from '../../services/postgres/sweep.ts';
import { findTenant, listTenants } from '../../services/postgres/tenants.ts';
import { eventually } from '../support/eventually.ts';
import {
  AT,
  admitRequest,
  admitted,
  handRequest,
  newTenant,
  published,
  putArtifact,
  putSource,
  recordOn,
  startStore,
  type Store,
  times,
} from '../support/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

/** All pages, one after the other, as a client with that page size gets them. */
async function pages<T>(limit: number, page: (last: T | undefined) => Promise<T[]>): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const items = await page(all.at(-1));
    expect(items.length).toBeLessThanOrEqual(limit);
    all.push(...items);
    if (items.length < limit) return all;
  }
}

describe('a list, page by page', () => {
  test('has every release and every move once, newest first, whatever is added meanwhile', async () => {
    const tenant = await newTenant(store);
    for (let version = 1; version <= 7; version++)
      await published(store, { tenant, bundle: 'bundle', version });
    const releases = await pages(3, async (last: { version: number } | undefined) => {
      const page = await listReleases(store.db, tenant, 'bundle', {
        before: last?.version ?? null,
        limit: 3,
      });
      if (!last) await published(store, { tenant, bundle: 'bundle', version: 8 });
      return page;
    });
    expect(releases.map(({ version }) => version)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    const pointer = { tenant, bundle: 'bundle', channel: 'live' };
    const moves = await pages(3, (last: { generation: number } | undefined) =>
      listMoves(store.db, pointer, { before: last?.generation ?? null, limit: 3 }),
    );
    expect(moves.map(({ generation }) => generation)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    for (const [index, move] of moves.entries()) expect(move.from).toEqual(moves[index + 1]?.to ?? null);
  });

  test('has every channel, bundle and tenant once, by name', async () => {
    const tenant = await newTenant(store);
    for (const bundle of ['c', 'a', 'b']) await published(store, { tenant, bundle, version: 1 });
    for (const channel of ['z', 'y']) {
      await store.moves.moveByHand(handRequest({ tenant, bundle: 'a', channel, version: 1 }));
    }
    const bundles = await pages(2, (last: { bundle: string } | undefined) =>
      listBundles(store.db, tenant, { after: last?.bundle ?? '', limit: 2 }),
    );
    expect(bundles.map(({ bundle }) => bundle)).toEqual(['a', 'b', 'c']);
    const channels = await pages(2, (last: { channel: string } | undefined) =>
      listPointers(store.db, tenant, 'a', { after: last?.channel ?? '', limit: 2 }),
    );
    expect(channels.map(({ channel }) => channel)).toEqual(['live', 'y', 'z']);
    const other = await newTenant(store);
    const tenants = await pages(1, (last: { tenant: string } | undefined) =>
      listTenants(store.db, { after: last?.tenant ?? '', limit: 1 }),
    );
    const names = tenants.map((found) => found.tenant);
    expect(names).toEqual(expect.arrayContaining([tenant, other]));
    expect(new Set(names)).toHaveLength(names.length);
  });
});

describe('what is stored', () => {
  test('comes back byte for byte, whatever it is', async () => {
    const tenant = await newTenant(store);
    const contents = [
      Buffer.alloc(0),
      Buffer.from([0, 255, 92, 39, 10]),
      Buffer.from('ü\0'),
      Buffer.alloc(300_000, 'x'),
    ];
    const blobs = contents.map((content) => ({ digest: digestOf(content), mediaType: 'x/y', content }));
    await storeBlobs(store.db, tenant, blobs);
    await storeBlobs(store.db, tenant, blobs);
    const read = await readBlobs(
      store.db,
      tenant,
      blobs.map(({ digest }) => digest),
    );
    expect(read.size).toBe(blobs.length);
    for (const { digest, content } of blobs) {
      expect(Buffer.from(read.get(digest)!).equals(content)).toBe(true);
      expect(await findBlob(store.db, tenant, digest)).toMatchObject({
        mediaType: 'x/y',
        size: content.length,
      });
    }
    expect(await findBlob(store.db, tenant, digestOf('nowhere'))).toBeNull();
  });

  test('of a source that fails half way is nothing', async () => {
    const tenant = await newTenant(store);
    const entries = [
      { path: 'a', digest: digestOf('a'), size: 1 },
      { path: 'b', digest: digestOf('b'), size: 1 },
    ];
    const tree = { digest: digestOf('tree'), entries };
    const half = new Map([[digestOf('a'), Buffer.from('a')]]);
    await expect(storeSource(store.db, tenant, tree, half)).rejects.toThrow('not handed in');
    expect(await loadSource(store.db, tenant, tree.digest)).toBeNull();
    expect(await findBlob(store.db, tenant, digestOf('a'))).toBeNull();
    await storeSource(store.db, tenant, tree, new Map([...half, [digestOf('b'), Buffer.from('b')]]));
    expect((await loadSource(store.db, tenant, tree.digest))?.tree).toEqual(tree);
  });

  test('by 20 at once, of sources that share their files, is stored whole for each', async () => {
    const tenant = await newTenant(store);
    const text = (i: number) => `shared ${i}`;
    const sources = Array.from({ length: 20 }, (_none, i) =>
      [0, 1, 2, 3, 4]
        .map((j) => (i + j) % 7)
        .map((n) => ({ path: `${n}`, digest: digestOf(text(n)), size: text(n).length })),
    );
    const contents = new Map(
      Array.from({ length: 7 }, (_none, n) => [digestOf(text(n)), Buffer.from(text(n))]),
    );
    await Promise.all(
      sources.map((entries, i) =>
        storeSource(store.db, tenant, { digest: digestOf(`tree ${i}`), entries }, contents),
      ),
    );
    for (const [i, entries] of sources.entries()) {
      expect((await loadSource(store.db, tenant, digestOf(`tree ${i}`)))?.tree.entries).toEqual(entries);
    }
    expect((await readBlobs(store.db, tenant, [...contents.keys()])).size).toBe(7);
  });

  test('is the tenant’s own: the same digest is not there for another', async () => {
    const [a, b] = [await newTenant(store), await newTenant(store)];
    const { digest } = await putSource(store, a, 'secret');
    const artifact = await published(store, { tenant: a, bundle: 'bundle', version: 1 });
    expect(await loadSource(store.db, b, digest)).toBeNull();
    expect(await findBlob(store.db, b, digestOf('secret'))).toBeNull();
    expect(await findArtifact(store.db, b, artifact)).toBeNull();
    expect(await findArtifactFile(store.db, b, artifact, 'config.json')).toBeNull();
    expect(await bundleExists(store.db, b, 'bundle')).toBe(false);
  });
});

describe('with 10,000 tenants and a bundle of 2,000 releases', () => {
  /** Rows as a long life leaves them, past the triggers, which would take a minute. */
  async function grow(tenant: string): Promise<void> {
    const id = { tenant, bundle: 'bundle', version: 1 };
    const digest = await published(store, id);
    await store.owner.query('SET search_path = pointsman');
    await store.owner.query(`SET session_replication_role = 'replica'`);
    const columns = (table: string, kept: string) =>
      `INSERT INTO ${table} SELECT ${kept} FROM ${table} x, generate_series(2, 2000) n`;
    const own = `WHERE x.tenant = '${tenant}'`;
    const rows = [
      `${columns('releases', `(jsonb_populate_record(x, jsonb_build_object('version', n, 'generation', n, 'seq', n))).*`)} ${own}`,
      `${columns('stages', `(jsonb_populate_record(x, jsonb_build_object('version', n))).*`)} ${own}`,
      `${columns('effects', `(jsonb_populate_record(x, jsonb_build_object('version', n))).*`)} ${own}`,
      `${columns('moves', `(jsonb_populate_record(x, jsonb_build_object('generation', n, 'seq', n, 'from_version', n - 1, 'from_digest', '${digest}', 'to_version', n))).*`)} ${own}`,
      `UPDATE pointers SET generation = 2000, version = 2000 WHERE tenant = '${tenant}'`,
      `UPDATE tenants SET feed_seq = 2000 WHERE tenant = '${tenant}'`,
      ...[
        'tenants',
        'bundles',
        'blobs',
        'sources',
        'artifacts',
        'artifact_blobs',
        'releases',
        'stages',
        'effects',
        'pointers',
        'moves',
      ].map(
        (table) =>
          `INSERT INTO ${table} SELECT (jsonb_populate_record(x, jsonb_build_object('tenant', 'many-' || n))).* FROM ${table} x, generate_series(1, 10000) n
           WHERE x.tenant = '${tenant}' ${['releases', 'stages', 'effects'].includes(table) ? 'AND x.version = 1' : ''} ${table === 'moves' ? 'AND x.generation = 1' : ''}`,
      ),
    ];
    for (const sql of rows) await store.owner.query(sql);
    await store.owner.query(`SET session_replication_role = 'origin'`);
    await store.owner.query('ANALYZE');
  }

  /** How often each large table was read from end to end, and how often through an index. */
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

  test('no step and no read goes through a whole table', async () => {
    const tenant = await newTenant(store);
    await grow(tenant);
    const before = await counted();
    expect(Object.keys(before.seq)).toEqual(
      expect.arrayContaining(['releases', 'stages', 'effects', 'moves', 'pointers', 'blobs']),
    );
    // A pool of its own: what its connections have counted is told when they end.
    const db = openDatabase(store.postgres.appUrl, { applicationName: 'counted' });
    const own: Store = { ...store, ...recordOn(db) };
    const pointer = { tenant, bundle: 'bundle', channel: 'live' };
    const id = { tenant, bundle: 'bundle', version: 2001 };
    // Ten times, since PostgreSQL may choose another plan once it knows a statement.
    for (let round = 0; round < 10; round++) {
      const next = { ...id, version: id.version + round };
      await admitted(own, next);
      await recordStage(db, next, { ...times, stage: 'validate', state: 'passed' });
      const digest = await putArtifact(own, tenant, `artifact ${round}`);
      await storeArtifacts(db, next, 'live', [{ channel: null, digest }], times);
      const swap = { ...next, channel: 'live', expectedGeneration: 2000 + round, at: AT };
      expect(await own.moves.moveByRelease(swap)).toMatchObject({ kind: 'moved' });
      await own.moves.announce(next, times);
      await own.settlements.settle(next, AT);
      await own.admissions.admit(await admitRequest(own, next, { supersedes: [1, 2] }));
      expect(await own.admissions.readBundle(tenant, 'bundle')).toMatchObject({ lastVersion: next.version });
      expect(await findRelease(db, next)).toMatchObject({ outcome: 'published' });
      expect(await listReleases(db, tenant, 'bundle', { before: 1_000, limit: 5 })).toHaveLength(5);
      expect(await listMoves(db, pointer, { before: 1_000, limit: 5 })).toHaveLength(5);
      expect(await findPointer(db, pointer)).toMatchObject({ version: next.version });
      expect(await listPointers(db, tenant, 'bundle', { limit: 5 })).toHaveLength(1);
      expect(await listBundles(db, tenant, { limit: 5 })).toHaveLength(1);
      expect(await findArtifactFile(db, tenant, digest, 'config.json')).not.toBeNull();
      expect(await findTenant(db, tenant)).not.toBeNull();
      expect(await listTenants(db, { after: 'many-5', limit: 5 })).toHaveLength(5);
      await listInFlight(db, { olderThan: AT + 1, limit: 5 });
    }
    await db.close();
    await eventually(
      async () => {
        const { rowCount } = await store.owner.query(
          `SELECT FROM pg_stat_activity WHERE application_name = 'counted'`,
        );
        return rowCount === 0;
      },
      { what: 'the end of the connections that were counted' },
    );
    const after = await counted();
    expect(after.seq).toEqual(before.seq);
    // Otherwise nothing was counted.
    for (const [table, count] of Object.entries(after.index))
      expect(count, table).toBeGreaterThan(before.index[table]!);
    expect(await recordHealth(store.db)).toMatchObject({ dangling: 0 });
  });
});
