import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { startApi, type TestApi } from '../../support/processes/api.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { readEvents } from '../../support/runs/event-reader.ts';
import { eventually } from '../../support/runs/eventually.ts';

let plane: ControlPlane;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  plane = await sharedControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
});
afterAll(async () => {
  await api.stop();
});

const channel = (): string => `/v1/tenants/${tenant}/bundles/bundle/channels/live`;
const feed = (query: string): string => `/v1/tenants/${tenant}/moves${query}`;

async function published(n: number): Promise<void> {
  const version = await accepted(plane, tenant, { files: { 'config.json': `{"n":${n}}` } });
  await settled(plane, tenant, version);
}

async function metric(name: string): Promise<number> {
  const { text } = await api.call('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

const waits = (name: string) =>
  eventually(async () => (await metric(name)) === 1, { what: 'a reader waits' });

test('a long-poll of the feed of moves gets moves by publishes and by hand, and an empty page when no pointer moves in time', async () => {
  const byPublish = api.call('GET', feed('?wait=55s'));
  await waits('pointsman_feed_readers');
  await published(1);
  const first = (await byPublish).json;
  expect(first).toMatchObject({
    items: [{ data: { seq: 1, from: null, to: { version: 1 } } }],
    next: `${tenant}:1`,
  });
  await published(2);

  const byHand = api.call('GET', feed(`?after=${tenant}:2&wait=55s`));
  await waits('pointsman_feed_readers');
  const put = await api.call('PUT', channel(), { json: { version: 1 } });
  expect(put.status).toBe(200);
  expect((await byHand).json).toMatchObject({
    items: [{ data: { seq: 3, from: { version: 2 }, to: { version: 1 } } }],
    next: `${tenant}:3`,
    latest: `${tenant}:3`,
  });
  const nothing = await api.call('GET', feed('?after=latest&wait=1s'));
  expect(nothing.json).toEqual({ items: [], next: `${tenant}:3`, latest: `${tenant}:3` });
  expect(await metric('pointsman_feed_readers')).toBe(0);
});

test('the event stream of a pointer begins with its current state, and sends an event for each publish, move by hand, hold and lifted hold', async () => {
  await published(1);
  const reader = await readEvents(api, channel());
  expect([reader.status, reader.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  await reader.until(1);
  await published(2);
  await reader.until(2);
  await api.call('PUT', channel(), { json: { version: 1 } });
  await reader.until(3);
  await api.call('PUT', `${channel()}/hold`, { json: { reason: 'an incident' } });
  await reader.until(4);
  await api.call('DELETE', `${channel()}/hold`);
  await reader.until(5);
  const received = reader.events.map(({ id, event, data }) => {
    const { version, hold } = JSON.parse(data) as { version: number; hold: { reason: string } | null };
    return [event, id, version, hold?.reason ?? null];
  });
  expect(received).toEqual([
    ['pointer', '1', 1, null],
    ['pointer', '2', 2, null],
    ['pointer', '3', 1, null],
    ['pointer', '3', 1, 'an incident'],
    ['pointer', '3', 1, null],
  ]);
  const plain = await api.call('GET', channel());
  expect(JSON.parse(reader.events.at(-1)?.data ?? '')).toEqual(plain.json);
  reader.leave();
  await eventually(async () => (await metric('pointsman_waiting_readers')) === 0, { what: 'it has left' });
});

test('the event stream of a pointer begins with its current state even when it is resumed, because the client may have missed a hold, which keeps the generation', async () => {
  await published(1);
  await api.call('PUT', `${channel()}/hold`, { json: { reason: 'an incident' } });
  const reader = await readEvents(api, channel(), { 'last-event-id': '1' });
  const [first] = await reader.until(1);
  expect([first?.id, JSON.parse(first?.data ?? '')]).toMatchObject([
    '1',
    { hold: { reason: 'an incident' } },
  ]);
  reader.leave();
});

test('the API does not open an event stream for a HEAD request or for a pointer that does not exist', async () => {
  await published(1);
  const events = { headers: { accept: 'text/event-stream' } };
  const head = await api.call('HEAD', channel(), events);
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  const nowhere = await api.call('GET', channel().replace('live', 'nowhere'), events);
  expect([nowhere.status, nowhere.json['code']]).toEqual([404, 'not_found']);
  expect(await metric('pointsman_waiting_readers')).toBe(0);
});

test('the API ends its event streams and its long-polls immediately when it shuts down', async () => {
  await published(1);
  const other = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
  const streams = await Promise.all([channel(), feed('')].map((path) => readEvents(other, path)));
  for (const stream of streams) await stream.until(1);
  const polled = other.call('GET', feed('?after=latest&wait=55s'));
  await eventually(
    async () => /^pointsman_feed_readers 2$/m.test((await other.call('GET', '/metrics')).text),
    {
      what: 'the reader waits',
    },
  );
  await other.drain();
  expect((await polled).json).toEqual({ items: [], next: `${tenant}:1`, latest: `${tenant}:1` });
  for (const stream of streams) expect(stream.hasEnded).toBe(true);
  await other.stop();
});
