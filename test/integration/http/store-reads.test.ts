import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { findArtifact, findArtifactFile } from '../../../services/postgres/content/artifacts.ts';
import { findBlob, readBlobs, storeBlobs } from '../../../services/postgres/content/blobs.ts';
import { bundleExists, listBundles } from '../../../services/postgres/content/bundles.ts';
import { listMoves, listPointers } from '../../../services/postgres/channels/pointers.ts';
import { listReleases } from '../../../services/postgres/releases/releases.ts';
import { loadSource, storeSource } from '../../../services/postgres/content/sources.ts';
import { listTenants } from '../../../services/postgres/tenants/tenants.ts';
import {
  handRequest,
  newTenant,
  published,
  putSource,
  repeated,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

/** Reads all pages in order, as a client with that page size does. */
async function pages<T>(limit: number, page: (last: T | undefined) => Promise<T[]>): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const items = await page(all.at(-1));
    expect(items.length).toBeLessThanOrEqual(limit);
    all.push(...items);
    if (items.length < limit) return all;
  }
}

describe('a list that is read page by page', () => {
  test('has each release and each move once, newest first, while new ones are added', async () => {
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

  test('has each channel, bundle and tenant once, sorted by name', async () => {
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

describe('content in the database', () => {
  test('is returned byte for byte', async () => {
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

  test('of a source whose storage fails midway is not kept', async () => {
    const tenant = await newTenant(store);
    const entries = [
      { path: 'a', digest: digestOf('a'), size: 1 },
      { path: 'b', digest: digestOf('b'), size: 1 },
    ];
    const tree = { digest: digestOf('tree'), entries };
    const half = new Map([[digestOf('a'), Buffer.from('a')]]);
    await expect(storeSource(store.db, tenant, tree, half)).rejects.toMatchObject({
      code: 'missing_content',
    });
    expect(await loadSource(store.db, tenant, tree.digest)).toBeNull();
    expect(await findBlob(store.db, tenant, digestOf('a'))).toBeNull();
    await storeSource(store.db, tenant, tree, new Map([...half, [digestOf('b'), Buffer.from('b')]]));
    expect((await loadSource(store.db, tenant, tree.digest))?.tree).toEqual(tree);
  });

  test('of 20 concurrently stored sources with shared files is complete for each source', async () => {
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
        repeated(() => storeSource(store.db, tenant, { digest: digestOf(`tree ${i}`), entries }, contents)),
      ),
    );
    for (const [i, entries] of sources.entries()) {
      expect((await loadSource(store.db, tenant, digestOf(`tree ${i}`)))?.tree.entries).toEqual(entries);
    }
    expect((await readBlobs(store.db, tenant, [...contents.keys()])).size).toBe(7);
  });

  test('of one tenant is not visible to another under the same digest', async () => {
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
