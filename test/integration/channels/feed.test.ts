import { CloudEvent } from 'cloudevents';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { ReleaseId } from '../../../packages/protocol/identifiers.ts';
import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { type EventReader, readEvents } from '../../support/runs/event-reader.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  admitRequest,
  handRequest,
  newTenant,
  prepared,
  putArtifact,
  repeated,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';
import { as, madeToken } from '../../support/data/tokens.ts';

let store: Store;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
});
beforeEach(async () => {
  tenant = await newTenant(store);
});
const readers: EventReader[] = [];
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.leave();
  expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

interface Feed {
  readonly items: readonly MoveEvent[];
  readonly next: string;
  readonly latest: string;
}

const feedPath = (query = ''): string => `/v1/tenants/${tenant}/moves${query}`;
const cursor = (seq: number): string => `${tenant}:${seq}`;
const seqsOf = (items: readonly MoveEvent[]): number[] => items.map(({ data }) => data.seq);
const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_none, i) => first + i);

async function read(query = ''): Promise<Feed> {
  const answer = await api.call('GET', feedPath(query));
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json as unknown as Feed;
}

async function stream(query = '', headers: Record<string, string> = {}): Promise<EventReader> {
  const reader = await readEvents(api, feedPath(query), headers);
  readers.push(reader);
  return reader;
}

const movesOf = ({ events }: Pick<EventReader, 'events'>): MoveEvent[] =>
  events.map(({ data }) => JSON.parse(data) as MoveEvent);

const release = (version: number, bundle = 'bundle') => ({ tenant, bundle, version });

/** Moves one pointer back and forth until it has made `count` moves. */
async function move(count: number, bundle = 'bundle'): Promise<void> {
  for (const version of [1, 2].slice(0, count)) await publishedNow(release(version, bundle));
  await moveOn(count - 2, bundle);
}

/** Publishes at the current time. Other tests use a fixed time in the past, but the feed only keeps recent moves. */
async function publishedNow(id: ReleaseId): Promise<void> {
  const request = await admitRequest(store, id);
  await repeated(() => store.admissions.admit(request));
  const digest = await repeated(() => putArtifact(store, id.tenant, `artifact ${id.version}`));
  await repeated(() => prepared(store, id, digest));
  const expectedGeneration = id.version - 1;
  await repeated(() =>
    store.moves.moveByRelease({ ...id, channel: 'live', expectedGeneration, at: Date.now() }),
  );
}

async function moveOn(count: number, bundle = 'bundle'): Promise<void> {
  for (let n = 0; n < count; n++) {
    const request = { ...handRequest({ tenant, bundle, version: (n % 2) + 1 }), at: Date.now() };
    await repeated(() => store.moves.moveByHand(request));
  }
}

describe('the feed of moves', () => {
  test('is empty for a tenant without a move, and returns a cursor for its start', async () => {
    expect(await read()).toEqual({ items: [], next: cursor(0), latest: cursor(0) });
    expect(await read('?after=latest')).toEqual({ items: [], next: cursor(0), latest: cursor(0) });
  });

  test('consists of CloudEvents whose ids identify the moves, with the same bytes in a page and in an event stream', async () => {
    await move(3);
    const first = await api.call('GET', feedPath());
    const again = await api.call('GET', feedPath('?after=' + cursor(0)));
    expect(again.text).toBe(first.text);
    const { items } = first.json as unknown as Feed;
    for (const item of items) expect(new CloudEvent({ ...item }, true).validate()).toBe(true);
    expect(items.map(({ id }) => id)).toEqual([1, 2, 3].map((n) => `${tenant}:bundle:live:${n}`));
    const reader = await stream();
    for (const { data } of await reader.until(3)) expect(first.text).toContain(data);
    expect(items[2]).toMatchObject({
      type: 'pointsman.pointer.moved',
      source: `/v1/tenants/${tenant}`,
      subject: `${tenant}/bundle/live`,
      data: { generation: 3, seq: 3, from: { version: 2 }, to: { version: 1 } },
    });
  });

  test('is read in consecutive pages, and a read with ?after=latest begins after the last move', async () => {
    await move(5);
    const first = await read('?limit=2');
    expect([seqsOf(first.items), first.next, first.latest]).toEqual([[1, 2], cursor(2), cursor(5)]);
    const rest = await read(`?limit=1000&after=${first.next}`);
    expect([seqsOf(rest.items), rest.next]).toEqual([[3, 4, 5], cursor(5)]);
    expect(await read(`?after=${rest.next}`)).toEqual({ items: [], next: cursor(5), latest: cursor(5) });
    expect(await read('?after=latest')).toEqual({ items: [], next: cursor(5), latest: cursor(5) });
  });

  test('continues from any of its cursors with exactly the moves after that cursor', async () => {
    await move(12);
    const whole = (await read()).items;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(12),
        fc.integer({ min: 1, max: 13 }),
        fc.boolean(),
        async (seq, limit, live) => {
          if (!live) {
            const part = await read(`?after=${cursor(seq)}&limit=${limit}`);
            expect(part.items).toEqual(whole.slice(seq, seq + limit));
            expect(part.next).toBe(cursor(Math.min(12, seq + limit)));
            return;
          }
          const reader = await stream(`?after=${cursor(seq)}`);
          await eventually(async () => reader.lastEventId === cursor(12), { what: 'the end of the feed' });
          expect(movesOf(reader)).toEqual(whole.slice(seq));
          reader.leave();
        },
      ),
      { numRuns: 60 },
    );
  });

  test('lists the moves of each pointer in generation order, and all moves without a gap, while the pointers of 25 bundles move at the same time', async () => {
    const bundles = Array.from({ length: 25 }, (_none, i) => `bundle-${i}`);
    const total = bundles.length * 4;
    const moving = Promise.all(bundles.map((bundle) => move(4, bundle)));
    // Rejects if a move fails. Otherwise the loop below would wait for that move.
    const failed = moving.then(() => new Promise<never>(() => undefined));
    const middle = await eventually(
      async () => {
        const { latest } = await read('?after=latest');
        return latest === cursor(0) ? null : latest;
      },
      { what: 'the first move' },
    );
    const begin = Number(middle.split(':')[1]);
    const reader = await stream(`?after=${middle}`);
    const polled: MoveEvent[] = [];
    for (let next = middle; polled.length < total - begin;) {
      const part = await Promise.race([read(`?after=${next}&wait=55s&limit=7`), failed]);
      polled.push(...part.items);
      next = part.next;
    }
    await moving;
    await reader.until(total - begin);
    expect(seqsOf(polled)).toEqual(upTo(total, begin + 1));
    expect(movesOf(reader)).toEqual(polled);
    const whole = (await read('?limit=1000')).items;
    expect(whole.slice(begin)).toEqual(polled);
    for (const bundle of bundles) {
      const own = whole.filter(({ data }) => data.bundle === bundle);
      expect(own.map(({ data }) => data.generation)).toEqual([1, 2, 3, 4]);
    }
  });
});

describe('an event stream of the feed of moves', () => {
  test('sends its cursor immediately, so a reader that is disconnected before the first move misses no move', async () => {
    await move(2);
    const reader = await stream('?after=latest');
    await eventually(async () => reader.lastEventId === cursor(2), { what: 'where it begins' });
    reader.leave();
    await moveOn(2);
    const back = await stream('?after=latest', { 'last-event-id': reader.lastEventId! });
    await back.until(2);
    expect(seqsOf(movesOf(back))).toEqual([3, 4]);
    expect(back.events.map(({ id, event }) => [id, event])).toEqual([
      [cursor(3), 'moved'],
      [cursor(4), 'moved'],
    ]);
  });

  test('gives a reader that reconnects repeatedly each move exactly once', async () => {
    await move(2);
    const moving = moveOn(40);
    const seen: MoveEvent[] = [];
    for (let last = cursor(0); seen.length < 42;) {
      const reader = await stream('', { 'last-event-id': last });
      await reader.until(1);
      reader.leave();
      last = reader.lastEventId!;
      seen.push(...movesOf(reader));
    }
    await moving;
    expect(seqsOf(seen)).toEqual(upTo(42));
  });
});

describe('a cursor of the feed of moves', () => {
  const refused = async (query: string, headers: Record<string, string> = {}) => {
    const { status, json } = await api.call('GET', feedPath(query), { headers });
    return { status, code: json['code'], oldest: json['oldest'], latest: json['latest'] };
  };
  const events = { accept: 'text/event-stream' };

  test('is refused when it belongs to another tenant or is ahead of the feed; if it is ahead, the error contains the end of the feed', async () => {
    await move(2);
    const foreign = { status: 422, code: 'foreign_cursor', oldest: undefined, latest: undefined };
    expect(await refused('?after=somebody:1')).toEqual(foreign);
    expect(await refused('', { ...events, 'last-event-id': 'somebody:1' })).toEqual(foreign);
    const ahead = { status: 422, code: 'cursor_ahead', oldest: undefined, latest: cursor(2) };
    for (const future of [cursor(3), `${tenant}:${Number.MAX_SAFE_INTEGER}`]) {
      expect(await refused(`?after=${future}`)).toEqual(ahead);
      expect(await refused(`?after=${future}`, events)).toEqual(ahead);
    }
    expect(seqsOf((await read(`?after=${cursor(2)}`)).items)).toEqual([]);
  });

  test('is refused when it is older than the retention, and a read without a cursor begins with the oldest move that is kept', async () => {
    await move(5);
    await age(3);
    const expired = { status: 410, code: 'cursor_expired', oldest: cursor(3), latest: cursor(5) };
    for (const seq of [0, 1, 2]) expect(await refused(`?after=${cursor(seq)}`)).toEqual(expired);
    expect(await refused('', { ...events, 'last-event-id': cursor(2) })).toEqual(expired);
    expect(seqsOf((await read(`?after=${cursor(3)}`)).items)).toEqual([4, 5]);
    expect(seqsOf((await read()).items)).toEqual([4, 5]);
    await age(5);
    expect(await read()).toEqual({ items: [], next: cursor(5), latest: cursor(5) });
    expect(await refused(`?after=${cursor(4)}`)).toEqual({ ...expired, oldest: cursor(5) });
    expect(await read(`?after=${cursor(5)}`)).toEqual({ items: [], next: cursor(5), latest: cursor(5) });
  });

  /** Makes the moves up to that number older than the retention of the feed. */
  async function age(upToSeq: number): Promise<void> {
    const sql = `UPDATE pointsman.moves SET moved_at = now() - interval '7 days 1 second' WHERE tenant = $1 AND seq <= $2`;
    await store.owner.query(sql, [tenant, upToSeq]);
  }

  test.each(['17', 'x:y', 'acme:-1', 'acme:1e3', '', 'LATEST', 'acme:1:2', '%00'])(
    'is refused as malformed when it is %j',
    async (text) => {
      expect(await refused(`?after=${text}`)).toMatchObject({ status: 422, code: 'invalid_request' });
      if (text === '' || text === '%00') return;
      const headers = { ...events, 'last-event-id': text };
      expect(await refused('', headers)).toMatchObject({ status: 400, code: 'malformed' });
    },
  );

  test('does not give a token access to the feed of another tenant; the feed of a tenant that does not exist gets 404', async () => {
    const other = await newTenant(store);
    const { token } = await madeToken(api, { name: 'runtime', tenant: other, roles: ['follower'] });
    for (const headers of [{}, events]) {
      const mine = await api.call('GET', `/v1/tenants/${other}/moves`, {
        ...as(token),
        signal: AbortSignal.timeout(60_000),
      });
      expect(mine.status).toBe(200);
      const theirs = await api.call('GET', feedPath(`?after=${other}:0`), as(token, { headers }));
      expect([theirs.status, theirs.json['code']]).toEqual([403, 'forbidden']);
      const nobodys = await api.call('GET', '/v1/tenants/nobody/moves', { headers });
      expect([nobodys.status, nobodys.json['code']]).toEqual([404, 'not_found']);
    }
  });
});
