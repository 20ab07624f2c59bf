import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { followerLimits } from '../../../packages/protocol/limits.ts';
import {
  acknowledge,
  type Acknowledgement,
  listFollowers,
} from '../../../services/postgres/channels/followers.ts';
import { AT, newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let tenant: string;
let digests: string[];

beforeAll(async () => {
  store = await startStore();
});
beforeEach(async () => {
  tenant = await newTenant(store);
  digests = [];
  for (const version of [1, 2, 3])
    digests.push(await published(store, { tenant, bundle: 'bundle', version }));
});
afterAll(() => store.stop());

const { lostMs, forgottenMs, perChannel } = followerLimits;

/**
 * Acknowledges the generation as that follower. The digest is the recorded one unless the test passes another one.
 */
function say(follower: string, generation: number, more: Partial<Acknowledgement> = {}) {
  const digest = digests[generation - 1] ?? null;
  const pointer = { tenant, bundle: 'bundle', channel: 'live' };
  return acknowledge(store.db, { ...pointer, follower, generation, digest, by: 'fleet', at: AT, ...more });
}
const list = (at = AT, limit = 100, after?: Parameters<typeof listFollowers>[2]['after']) =>
  listFollowers(store.db, { tenant, bundle: 'bundle', channel: 'live' }, { at, limit, after });

describe('an acknowledgement', () => {
  test('an acknowledgement that matches the record is stored, and returns the current pointer', async () => {
    expect(await say('bot', 2)).toMatchObject({
      kind: 'acknowledged',
      pointer: { generation: 3, digest: digests[2], version: 3 },
    });
    expect(await list()).toMatchObject([
      { follower: 'bot', generation: 2, digest: digests[1], behindBy: 1, recent: true, by: 'fleet' },
    ]);
  });

  test('a follower that does not run a generation yet can acknowledge generation 0', async () => {
    expect(await say('bot', 0)).toMatchObject({ kind: 'acknowledged' });
    expect(await list()).toMatchObject([{ generation: 0, digest: null, behindBy: 3 }]);
  });

  test.each([
    ['another generation’s digest', 2, () => digests[0]!, () => digests[1]!],
    ['a digest that was never stored', 3, () => digestOf('a lie'), () => digests[2]!],
    ['a future generation', 4, () => digests[2]!, () => null],
  ])(
    'an acknowledgement of %s is refused with the recorded digest, and stores nothing',
    async (_what, generation, claimed, is) => {
      await say('bot', 1);
      const answer = await say('bot', generation, { digest: claimed(), at: AT + 5_000 });
      expect(answer).toMatchObject({ kind: 'wrong', digest: is(), pointer: { generation: 3 } });
      expect(await say('other', generation, { digest: claimed() })).toMatchObject({ kind: 'wrong' });
      const [bot, ...others] = await list();
      expect([bot?.generation, bot?.seenAt, others]).toEqual([1, new Date(AT).toISOString(), []]);
    },
  );

  test('an acknowledgement for another tenant’s pointer finds no pointer', async () => {
    const other = await newTenant(store);
    expect(await say('bot', 1, { tenant: other })).toEqual({ kind: 'no_pointer' });
    expect(await say('bot', 1, { channel: 'nowhere' })).toEqual({ kind: 'no_pointer' });
  });

  test('a repeated acknowledgement keeps the time since which the generation has run, and writes nothing within a second', async () => {
    await say('bot', 2);
    const version = async (): Promise<string | undefined> => {
      const sql = 'SELECT xmin::text AS version FROM pointsman.followers WHERE tenant = $1';
      return (await store.owner.query<{ version: string }>(sql, [tenant])).rows[0]?.version;
    };
    const written = await version();
    expect(await say('bot', 2, { at: AT + 999 })).toMatchObject({ kind: 'acknowledged' });
    expect(await version()).toEqual(written);
    await say('bot', 2, { at: AT + 30_000 });
    const iso = (at: number) => new Date(at).toISOString();
    expect(await list()).toMatchObject([{ since: iso(AT), seenAt: iso(AT + 30_000) }]);
    await say('bot', 3, { at: AT + 30_001 });
    expect(await list()).toMatchObject([{ since: iso(AT + 30_001), seenAt: iso(AT + 30_001) }]);
  });
});

describe('the name of a follower', () => {
  test('another token can use the name only after the follower that has the name counts as lost', async () => {
    await say('bot', 3);
    const other = (at: number) => say('bot', 1, { by: 'intruder', at });
    expect(await other(AT + lostMs)).toEqual({ kind: 'taken', by: 'fleet' });
    expect(await list()).toMatchObject([{ generation: 3, by: 'fleet' }]);
    expect(await other(AT + lostMs + 1)).toMatchObject({ kind: 'acknowledged' });
    expect(await say('bot', 3, { at: AT + lostMs + 2 })).toEqual({ kind: 'taken', by: 'intruder' });
  });

  test('if several tokens use a new name at the same time, exactly one gets it', async () => {
    const kinds = await Promise.all(
      Array.from({ length: 16 }, async (_none, n) => (await say('bot', 1, { by: `token-${n}` })).kind),
    );
    expect(kinds.toSorted()).toEqual(['acknowledged', ...Array.from({ length: 15 }, () => 'taken')]);
  });
});

describe('the list of followers', () => {
  test('the list has lost followers first, then lagging, then current followers, in pages', async () => {
    const now = AT + 2 * lostMs;
    await say('lost-current', 3);
    await say('lost-behind', 1);
    for (const [name, generation] of Object.entries({ current: 3, one: 2, three: 0, two: 1, also: 2 }))
      await say(name, generation, { at: now });
    const order = ['lost-behind', 'lost-current', 'three', 'two', 'also', 'one', 'current'];
    const whole = await list(now);
    expect(whole.map(({ follower }) => follower)).toEqual(order);
    expect(whole.map(({ recent, behindBy }) => (recent ? behindBy : 'lost'))).toEqual([
      'lost',
      'lost',
      3,
      2,
      1,
      1,
      0,
    ]);
    const paged: string[] = [];
    for (let page = await list(now, 2); page.length > 0; page = await list(now, 2, page.at(-1)))
      paged.push(...page.map(({ follower }) => follower));
    expect(paged).toEqual(order);
  });

  test('the list leaves out followers that were not seen for a day', async () => {
    await say('bot', 3);
    expect(await list(AT + forgottenMs)).toHaveLength(1);
    expect(await list(AT + forgottenMs + 1)).toEqual([]);
  });
});

test('a channel at its limit of followers refuses new ones, accepts existing ones, and has room again after some are forgotten', async () => {
  await store.owner.query(
    `INSERT INTO pointsman.followers SELECT $1, 'bundle', 'live', 'f' || n, 0, NULL, $2, $2, 'fleet'
     FROM generate_series(1, $3) n`,
    [tenant, new Date(AT), perChannel],
  );
  expect(await say('one-more', 1)).toEqual({ kind: 'too_many' });
  expect(await say('f1', 1)).toMatchObject({ kind: 'acknowledged' });
  expect(await say('one-more', 1, { at: AT + forgottenMs + 1 })).toMatchObject({ kind: 'acknowledged' });
  const { rows } = await store.owner.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM pointsman.followers WHERE tenant = $1',
    [tenant],
  );
  expect(rows[0]?.n).toBe(perChannel - 20 + 1);
});
