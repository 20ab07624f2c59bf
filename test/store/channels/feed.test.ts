import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { findFeedEnd, findFeedPage, listFeed } from '../../../services/postgres/channels/feed.ts';
import { AT, handRequest, newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

/** Makes five moves, one second apart. The first two are made at `AT`. */
beforeEach(async () => {
  tenant = await newTenant(store);
  for (const version of [1, 2]) await published(store, { tenant, bundle: 'bundle', version });
  for (const n of [1, 2, 3]) {
    const request = handRequest({ tenant, version: 2 - (n % 2) });
    await store.moves.moveByHand({ ...request, at: AT + n * 1_000 });
  }
});

const page = async (after: number | 'latest' | null, sinceMs = 0, limit = 100) => {
  const found = await findFeedPage(store.db, tenant, { after, sinceMs, limit });
  return found && { ...found, moves: found.moves.map(({ seq }) => seq) };
};

test('a page of the feed contains the moves after a given sequence number, and the oldest and the latest sequence number of the feed', async () => {
  expect(await page(null)).toEqual({ moves: [1, 2, 3, 4, 5], oldest: 0, latest: 5 });
  expect(await page(2, 0, 2)).toEqual({ moves: [3, 4], oldest: 0, latest: 5 });
  expect(await page(5)).toEqual({ moves: [], oldest: 0, latest: 5 });
  expect(await page(9)).toEqual({ moves: [], oldest: 0, latest: 5 });
  expect(await page('latest')).toEqual({ moves: [], oldest: 0, latest: 5 });
  expect(await page(2, 0, 0)).toEqual({ moves: [], oldest: 0, latest: 5 });
});

test('without a sequence number, a page of the feed starts with the first retained move, and is empty if no move is retained', async () => {
  expect(await page(null, AT)).toEqual({ moves: [1, 2, 3, 4, 5], oldest: 0, latest: 5 });
  expect(await page(null, AT + 1)).toEqual({ moves: [3, 4, 5], oldest: 2, latest: 5 });
  expect(await page(null, AT + 3_000)).toEqual({ moves: [5], oldest: 4, latest: 5 });
  expect(await page(null, AT + 3_001)).toEqual({ moves: [], oldest: 5, latest: 5 });
});

test('a page of the feed never leaves out a retained move, even if the order of concurrent moves by time differs from their order by sequence number', async () => {
  for (const [version, seconds] of [
    [2, 64],
    [1, 63],
    [2, 62],
  ] as const)
    await store.moves.moveByHand({ ...handRequest({ tenant, version }), at: AT + seconds * 1_000 });
  for (const since of [61_000, 62_000, 63_000, 64_000]) {
    expect(await page(null, AT + since)).toEqual({ moves: [6, 7, 8], oldest: 5, latest: 8 });
  }
  expect(await page(null, AT)).toMatchObject({ oldest: 0, latest: 8 });
  expect(await page(null, AT + 64_001)).toEqual({ moves: [], oldest: 8, latest: 8 });
});

test('the feed of a tenant without moves is empty, and an unknown tenant has no feed', async () => {
  const empty = await newTenant(store);
  const asked = { after: null, sinceMs: 0, limit: 1 };
  expect(await findFeedPage(store.db, empty, asked)).toEqual({ moves: [], oldest: 0, latest: 0 });
  expect(await findFeedEnd(store.db, empty, { after: null, most: 5 })).toEqual({ moves: [], latest: 0 });
  expect(await findFeedPage(store.db, 'nobody', asked)).toBeNull();
  expect(await findFeedEnd(store.db, 'nobody', { after: null, most: 5 })).toBeNull();
});

test('a read of the end of the feed returns the last moves up to a limit, without a gap, after any earlier sequence number', async () => {
  const end = async (after: number | null, most: number) => {
    const found = await findFeedEnd(store.db, tenant, { after, most });
    return [found?.latest, found?.moves.map(({ seq }) => seq)];
  };
  expect(await end(null, 3)).toEqual([5, []]);
  expect(await end(3, 3)).toEqual([5, [4, 5]]);
  expect(await end(0, 3)).toEqual([5, [3, 4, 5]]);
  expect(await end(5, 3)).toEqual([5, []]);
});

test('a move has the same content in a page of the feed and in the list of moves', async () => {
  const [move] = await listFeed(store.db, tenant, { after: 2, limit: 1 });
  const read = await findFeedPage(store.db, tenant, { after: 2, sinceMs: 0, limit: 1 });
  expect(read?.moves).toEqual([move]);
  expect(move).toMatchObject({
    tenant,
    bundle: 'bundle',
    channel: 'live',
    generation: 3,
    seq: 3,
    from: { version: 2 },
    to: { version: 1 },
    movedAt: new Date(AT + 1_000).toISOString(),
  });
  expect((await listFeed(store.db, tenant, { after: 0, limit: 1 }))[0]?.from).toBeNull();
});

test('the oldest retained move of a feed is found through an index, however long the feed is', async () => {
  const { owner } = store;
  await owner.query('SET enable_seqscan = off');
  const { rows } = await owner.query<Record<string, string>>(
    'EXPLAIN SELECT seq FROM pointsman.moves WHERE tenant = $1 AND moved_at >= $2 ORDER BY moved_at, seq LIMIT 1'
      .replace('$1', `'${tenant}'`)
      .replace('$2', 'now()'),
  );
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('moves_by_time');
  expect(plan).not.toContain('Sort');
  await owner.query('RESET enable_seqscan');
});
