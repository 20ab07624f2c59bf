import type { Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { waitingShares } from '../../../services/api/access/share-limits.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { openSocket } from '../../support/runs/raw-http.ts';
import { newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';
import { as, madeToken } from '../../support/data/tokens.ts';

let store: Store;
let api: TestApi;
let tenants: string[];

beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
});
beforeEach(async () => {
  tenants = [await newTenant(store), await newTenant(store), await newTenant(store)];
  for (const tenant of tenants) await published(store, { tenant, bundle: 'bundle', version: 1 });
});
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await waiting(0);
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

const viewer = (tenant: string, name = 'viewer'): Promise<string> =>
  madeToken(api, { name, tenant, roles: ['viewer'] }).then(({ token }) => token);

interface Waiter {
  readonly tenant: string;
  readonly token: string;
}

const pointerOf = (tenant: string): string => `/v1/tenants/${tenant}/bundles/bundle/channels/live`;

const KINDS = ['pointsman_waiting_readers', 'pointsman_feed_readers', 'pointsman_release_streams'];
const ANSWERED =
  'pointsman_http_requests_total{method="GET",route="/v1/tenants/{tenant}/bundles/{bundle}/channels';

async function metrics(): Promise<{ waiting: number; answered: number }> {
  const { text } = await api.call('GET', '/metrics');
  const sumOf = (starts: readonly string[]): number =>
    text
      .split('\n')
      .filter((line) => starts.some((start) => line.startsWith(start)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  return { waiting: sumOf(KINDS.map((name) => `${name} `)), answered: sumOf([ANSWERED]) };
}

const waiting = async (count: number): Promise<true> =>
  eventually(async () => (await metrics()).waiting === count, { what: `${count} wait` });

const AT_ONCE = 100;

/**
 * Opens `count` event streams of the pointer on separate connections. Returns how many requests are waiting
 * afterwards, in total.
 */
async function follow({ tenant, token }: Waiter, count: number): Promise<number> {
  const request = `GET ${pointerOf(tenant)} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${token}\r\nAccept: text/event-stream\r\n\r\n`;
  let answered = (await metrics()).answered;
  // Opens only a hundred streams at a time, because each one briefly needs a database connection.
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    const batch = Math.min(AT_ONCE, count - sent);
    const opened = await Promise.all(Array.from({ length: batch }, () => openSocket(api.url)));
    sockets.push(...opened);
    for (const socket of opened) socket.write(request);
    answered += batch;
    // The metric counts a stream as answered as soon as it begins.
    await eventually(async () => (await metrics()).answered === answered, {
      what: 'all have a place or none',
    });
  }
  return (await metrics()).waiting;
}

/** Sends a long-poll, and returns whether the API lets it wait (true) or refuses it with 429 (false). */
async function getsPlace(
  { tenant, token }: Waiter,
  path = `${pointerOf(tenant)}?wait=55s`,
): Promise<boolean> {
  const before = (await metrics()).waiting;
  const end = new AbortController();
  const refused = api
    .call('GET', path, as(token, { headers: { 'if-none-match': '"1"' }, signal: end.signal }))
    .then(({ status }) => {
      expect(status).toBe(429);
      return false;
    });
  refused.catch(() => {});
  const hasPlace = await Promise.race([refused, waiting(before + 1)]);
  end.abort();
  await waiting(before);
  return hasPlace;
}

test('a token that takes all of its slots for waiting requests leaves slots for other tokens of its tenant and for other tenants', async () => {
  const [tenant = '', other = ''] = tenants;
  const greedy = { tenant, token: await viewer(tenant) };
  const second = { tenant, token: await viewer(tenant, 'second') };
  const places = await follow(greedy, 1_600);
  expect(places).toBeGreaterThan(1_000);
  expect(places).toBeLessThan(0.15 * waitingShares.capacity);
  expect(await getsPlace(greedy)).toBe(false);
  // Long-polls of the pointer and of the feed count against the same limit.
  expect(await getsPlace(greedy, `/v1/tenants/${tenant}/moves?after=latest&wait=55s`)).toBe(false);
  expect(await getsPlace(second)).toBe(true);
  expect(await getsPlace({ tenant: other, token: await viewer(other) })).toBe(true);
});

test('two tenants with many greedy tokens each leave slots for the waiting requests of a third tenant', async () => {
  const [first = '', second = '', third = ''] = tenants;
  for (const tenant of [first, second])
    for (const name of ['a', 'b', 'c']) await follow({ tenant, token: await viewer(tenant, name) }, 1_300);
  const { waiting: taken } = await metrics();
  expect(taken).toBeLessThan((3 / 4) * 0.75 * waitingShares.capacity);
  expect((await follow({ tenant: third, token: await viewer(third) }, 200)) - taken).toBe(200);
});

test('the slot of a waiting request is free again when its connection closes', async () => {
  const [tenant = ''] = tenants;
  const greedy = { tenant, token: await viewer(tenant) };
  const places = await follow(greedy, 1_500);
  expect(await getsPlace(greedy)).toBe(false);
  for (const socket of sockets.splice(0)) socket.destroy();
  await waiting(0);
  expect(await follow(greedy, 1_500)).toBe(places);
});
