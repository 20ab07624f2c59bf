import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { watchFeeds } from '../../../services/api/feed/feed-watch.ts';
import { encodeEvent, eventStreamAnswer } from '../../../services/api/responses/event-stream.ts';
import { Shares } from '../../../services/api/access/shares.ts';
import { UnsentBuffers } from '../../../services/api/access/unsent-bytes.ts';
import type { Connection } from '../../../services/api/http/connection.ts';
import { socketLimits } from '../../../services/api/limits.ts';
import { responseShares } from '../../../services/api/access/share-limits.ts';
import { listen } from '../../../services/api/http/server.ts';
import { Notifications } from '../../../services/postgres/notifications.ts';
import { startApi, type TestAnswer, type TestApi } from '../../support/processes/api.ts';
import { type EventReader, readEvents } from '../../support/runs/event-reader.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { handRequest, newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';

const SILENCE_MS = 500;

let store: Store;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
});
const readers: EventReader[] = [];
afterEach(() => {
  for (const reader of readers.splice(0)) reader.leave();
});
beforeEach(async () => {
  tenant = await newTenant(store);
  for (const version of [1, 2]) await published(store, { tenant, bundle: 'bundle', version });
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

const moveTo = (version: number) =>
  store.moves.moveByHand({ ...handRequest({ tenant, version }), at: Date.now() });
const feed = (query: string): string => `/v1/tenants/${tenant}/moves${query}`;
const pointer = (): string => `/v1/tenants/${tenant}/bundles/bundle/channels/live`;

async function follow(path: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const reader = await readEvents(api, path, headers);
  readers.push(reader);
  return reader;
}

async function metric(of: TestApi, name: string): Promise<number> {
  const { text } = await of.call('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

const feedReaders = (count: number) =>
  eventually(async () => (await metric(api, 'pointsman_feed_readers')) === count, {
    what: `${count} readers of the feed`,
  });

/** Polls as a well-behaved client does: it obeys Retry-After, and polls again after a response without moves. */
async function poll(path: string): Promise<TestAnswer> {
  for (;;) {
    const answer = await api.call('GET', path);
    if (answer.status !== 503 && !answer.text.startsWith('{"items":[]')) return answer;
  }
}

const Pids = z.array(z.object({ pid: z.number() }));

async function listeners(): Promise<number[]> {
  const { rows } = await store.owner.query(
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'pointsman-notifications' AND query = 'LISTEN pointsman'`,
  );
  return Pids.parse(rows).map(({ pid }) => pid);
}

test('one database connection listens for all readers of the feed of moves, and the readers still get each move after that connection is lost', async () => {
  const streams = await Promise.all(
    Array.from({ length: 30 }, (_none, i) => follow(i % 2 ? pointer() : feed('?after=latest'))),
  );
  const polls = Array.from({ length: 15 }, () => poll(feed(`?after=${tenant}:2&wait=55s`)));
  await feedReaders(30);
  const [listener, ...others] = await listeners();
  expect([typeof listener, others]).toEqual(['number', []]);

  await store.owner.query('SELECT pg_terminate_backend($1)', [listener]);
  await moveTo(1);
  for (const [i, stream] of streams.entries()) await stream.until(i % 2 ? 2 : 1);
  for (const { json } of await Promise.all(polls)) {
    expect(json).toMatchObject({ items: [{ data: { seq: 3 } }], next: `${tenant}:3` });
  }
  await eventually(async () => (await listeners()).some((pid) => pid !== listener), {
    what: 'it listens again',
  });
  expect(await listeners()).toHaveLength(1);
});

test('a HEAD request for the feed of moves does not open an event stream, and a reader that disconnects is no longer counted', async () => {
  const head = await api.call('HEAD', feed(''), { headers: { accept: 'text/event-stream' } });
  expect([head.status, head.headers.get('content-type'), head.headers.get('vary')]).toEqual([
    200,
    'text/event-stream',
    'accept',
  ]);
  await feedReaders(0);
  const three = await Promise.all([feed(''), feed(''), feed('')].map((path) => follow(path)));
  await feedReaders(3);
  for (const reader of three) reader.leave();
  await feedReaders(0);
});

test('the API reads a move and encodes its event once for all readers of the feed of moves', async () => {
  const notifications = new Notifications(store.postgres.appUrl);
  notifications.start();
  const end = new AbortController();
  try {
    const watch = watchFeeds(store.db, notifications);
    const followers = Array.from({ length: 1_000 }, () => watch.follow(tenant, 2, end.signal));
    const first = Promise.all(followers.map((follower) => follower.next()));
    await eventually(async () => watch.readers === 1_000, { what: 'a thousand follow' });
    await moveTo(1);
    const values = (await first).map(({ done, value }) => (done ? null : value[0]));
    expect(values[0]).toMatchObject({ seq: 3, event: { data: { seq: 3, generation: 3 } } });
    expect(new Set(values).size).toBe(1);
  } finally {
    end.abort();
    await notifications.close();
  }
});

test('a reader of the feed that is further behind than the API keeps in memory gets the older moves from the database, and then the new ones', async () => {
  await grow(3_000);
  const far = await follow(feed('?after=latest'), { 'last-event-id': `${tenant}:1` });
  const near = await follow(feed('?after=latest'));
  await eventually(async () => near.lastEventId === `${tenant}:3000`, { what: 'one is up to date' });
  await far.until(2_999);
  await moveTo(1);
  await Promise.all([far.until(3_000), near.until(1)]);
  const ids = far.events.map(({ id }) => id);
  expect(ids).toEqual(Array.from({ length: 3_000 }, (_none, i) => `${tenant}:${i + 2}`));
  expect(near.events[0]).toEqual(far.events.at(-1));
});

describe('a reader of the feed that does not read from its socket', () => {
  test('is disconnected after a time limit and frees its slot; until then, its unread bytes count against the memory limit for responses', async () => {
    await grow(40_000);
    const held = (): Promise<number> => metric(api, 'pointsman_response_bytes_held');
    const counted = await stalledReader(api.url, feed(`?after=${tenant}:1`), api.adminToken);
    await eventually(async () => (await held()) > 0, { what: 'the unread bytes are counted' });
    counted.destroy();
    await eventually(async () => (await held()) === 0, { what: 'the unread bytes are free again' });
    const strict = await startApi({
      appUrl: store.postgres.appUrl,
      ingressUrl: 'http://127.0.0.1:1',
      limits: { streamSilenceMs: SILENCE_MS },
    });
    try {
      const socket = await stalledReader(strict.url, feed(`?after=${tenant}:1`), strict.adminToken);
      await eventually(async () => (await metric(strict, 'pointsman_feed_readers')) === 1, {
        what: 'it reads',
      });
      await eventually(async () => (await metric(strict, 'pointsman_feed_readers')) === 0, {
        what: 'the stream has ended',
      });
      socket.destroy();
    } finally {
      await strict.stop();
    }
  });

  test('makes the API wait with the next event until the socket can accept it', async () => {
    const frame = encodeEvent({ id: '1', data: 'x'.repeat(64 * 1024) });
    const state = { made: 0, hasEnded: false };
    async function* endless(): AsyncGenerator<readonly Uint8Array[]> {
      try {
        for (;;) {
          state.made++;
          yield [frame];
        }
      } finally {
        state.hasEnded = true;
      }
    }
    const never = new AbortController().signal;
    const shares = new Shares(responseShares);
    const buffers = new UnsentBuffers(shares);
    const answer = ({ method }: Request, { signal, unsent }: Connection): Response =>
      eventStreamAnswer({ method, signal, unsent: buffers.open(['acme', 'ci'], unsent) }, never, endless);
    const server = await listen(answer, {
      host: '127.0.0.1',
      port: 0,
      limits: { ...socketLimits, streamSilenceMs: SILENCE_MS },
    });
    const socket = await stalledReader(server.url, '/', 'nobody');
    await eventually(async () => state.hasEnded, { what: 'the stream has ended' });
    // The kernel buffers a few megabytes on both ends of the connection. Without backpressure, the server would have
    // written gigabytes by now.
    expect(state.made * frame.byteLength).toBeLessThan(64 * 1024 * 1024);
    socket.destroy();
    await server.stop();
  });

  /** Requests a stream and does not read it. */
  async function stalledReader(url: string, path: string, token: string): Promise<Socket> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.pause();
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    return socket;
  }
});

/** Inserts many moves directly into the tables. With the triggers enabled, the inserts would take a minute. */
async function grow(count: number): Promise<void> {
  const { owner } = store;
  await owner.query('SET search_path = pointsman');
  await owner.query(`SET session_replication_role = 'replica'`);
  await owner.query('UPDATE moves SET moved_at = now() WHERE tenant = $1', [tenant]);
  await owner.query(
    `INSERT INTO moves SELECT (jsonb_populate_record(x, jsonb_build_object('kind', 'hand', 'generation', i, 'seq', i,
       'from_version', 1 + i % 2, 'from_digest', x.to_digest, 'to_version', 2 - i % 2))).*
     FROM moves x, generate_series(3, $2::integer) i WHERE x.tenant = $1 AND x.seq = 2`,
    [tenant, count],
  );
  await owner.query('UPDATE pointers SET generation = $2, version = 2 WHERE tenant = $1', [tenant, count]);
  await owner.query('UPDATE tenants SET feed_seq = $2 WHERE tenant = $1', [tenant, count]);
  await owner.query(`SET session_replication_role = 'origin'`);
}
