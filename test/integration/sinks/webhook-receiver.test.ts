import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MoveEvent, moveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { SINK_TEST } from '../../../packages/protocol/moves/sink-event.ts';
import { webhookDelivery } from '../../../services/webhooks/deliver.ts';
import { receiverLimits } from '../../../packages/client/webhooks/limits.ts';
import { type WebhookReceiver, webhookReceiver } from '../../../packages/client/webhooks/receiver.ts';
import { signatureHeaders } from '../../../packages/protocol/webhooks/sign.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import { outside } from '../../support/data/outbound.ts';

const [secret, next] = [newWebhookSecret(), newWebhookSecret()];
let receiver: WebhookReceiver;
let server: Server;
let url: string;
let stop: AbortController;

beforeEach(async () => {
  receiver = webhookReceiver({ secrets: [secret, next] });
  server = createServer(receiver.listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
});

function move(seq: number, tenant = 'acme'): MoveEvent {
  const to = { version: seq, digest: `sha256:${'0'.repeat(64)}` };
  const pointer = { tenant, bundle: 'support-bot', channel: 'live' };
  return moveEvent({ ...pointer, generation: seq, seq, from: null, to, movedAt: '2026-03-01T12:00:00.000Z' });
}

async function post(
  event: unknown,
  { headers = {}, by = secret, method = 'POST' }: { headers?: object; by?: string; method?: string } = {},
): Promise<number> {
  const body = typeof event === 'string' ? event : JSON.stringify(event);
  const id = typeof event === 'string' ? 'x' : ((event as { id?: string }).id ?? 'x');
  const timestamp = Math.floor(Date.now() / 1_000);
  const signed = signatureHeaders({ id, timestamp, body }, [by]);
  const answer = await fetch(url, {
    method,
    headers: { ...signed, ...headers },
    ...(method === 'GET' ? {} : { body }),
  });
  return answer.status;
}

/** Starts to read moves now. Each call of the returned function reads a given number of items. */
function reader(): (count: number) => Promise<string[]> {
  const items = receiver.moves(stop.signal)[Symbol.asyncIterator]();
  return async (count) => {
    const heard: string[] = [];
    while (heard.length < count) {
      const { value, done } = await items.next();
      if (done === true) break;
      heard.push(value.kind === 'gap' ? 'gap' : value.event.id);
    }
    return heard;
  };
}

const ids = (...seqs: number[]) => seqs.map((seq) => move(seq).id);

describe('a webhook receiver', () => {
  test('gives each reader a gap marker first, and then every move in order of arrival', async () => {
    const [one, other] = [reader(), reader()];
    expect([await one(1), await other(1)]).toEqual([['gap'], ['gap']]);
    await using world = outside();
    const delivery = webhookDelivery({ outbound: world.open(), log: pino({ level: 'silent' }) });
    const events = [move(1), move(2), move(3)];
    const endpoint = { sink: 'audit', url, secrets: [next, newWebhookSecret()] };
    expect(await delivery.send({ tenant: 'acme', events }, endpoint)).toMatchObject({ count: 3 });
    expect([await one(3), await other(3)]).toEqual([ids(1, 2, 3), ids(1, 2, 3)]);
    expect(await reader()(1)).toEqual(['gap']);
  });

  test('accepts an event that the Standard Webhooks library has signed', async () => {
    const read = reader();
    await read(1);
    const body = JSON.stringify(move(1));
    const at = new Date();
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'webhook-id': move(1).id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': new Webhook(secret).sign(move(1).id, at, body),
      },
    });
    expect([answer.status, await read(1)]).toEqual([204, ids(1)]);
  });

  test('gives a gap marker for a missing sequence number, and no gap marker for a repeated move', async () => {
    const read = reader();
    await read(1);
    for (const seq of [5, 6, 5, 6, 7, 9, 2, 10]) expect(await post(move(seq))).toBe(204);
    expect(await read(9)).toEqual([...ids(5, 6, 5, 6, 7), 'gap', ...ids(9, 2, 10)]);
  });

  test('accepts a test event and gives it to no reader', async () => {
    const read = reader();
    await read(1);
    const { data: _data, ...rest } = move(1);
    const event = {
      ...rest,
      id: 'acme:audit:test:1',
      type: SINK_TEST,
      data: { tenant: 'acme', sink: 'audit' },
    };
    expect(await post(event)).toBe(204);
    expect(await post(move(1))).toBe(204);
    expect(await read(1)).toEqual(ids(1));
  });

  test('drops the moves that a slow reader does not read, and gives that reader a gap marker', async () => {
    const slow = reader();
    await slow(1);
    for (let seq = 1; seq <= receiverLimits.waiting + 1; seq++) await post(move(seq));
    expect(await slow(2)).toEqual(['gap', ...ids(receiverLimits.waiting + 1)]);
  });

  test('ends the wait of a reader when the signal of the reader aborts', async () => {
    const read = reader();
    await read(1);
    const waiting = read(1);
    stop.abort();
    expect(await waiting).toEqual([]);
  });
});

describe('a webhook receiver that gets an invalid request', () => {
  const old = Math.floor(Date.now() / 1_000) - 301;
  test.each<[string, () => Promise<number>, number]>([
    ['an unsigned event', () => post(move(1), { headers: { 'webhook-signature': '' } }), 401],
    ['an event that is signed with another secret', () => post(move(1), { by: newWebhookSecret() }), 401],
    [
      'an event that was signed for another id',
      () => post(move(1), { headers: { 'webhook-id': 'acme:x:live:1' } }),
      401,
    ],
    [
      'an event with an old signature',
      () => post(move(1), { headers: { 'webhook-timestamp': String(old) } }),
      401,
    ],
    [
      'an event that is signed under a foreign id',
      () => {
        const body = JSON.stringify(move(1));
        const timestamp = Math.floor(Date.now() / 1_000);
        const headers = signatureHeaders({ id: 'other', timestamp, body }, [secret]);
        return fetch(url, { method: 'POST', body, headers }).then(({ status }) => status);
      },
      400,
    ],
    ['a signed body that is not JSON', () => post('moved!'), 400],
    ['a signed body that is not an event', () => post({ moved: true }), 400],
    ['a body that is too large', () => post('x'.repeat(receiverLimits.bodyBytes + 1)), 413],
    ['a GET request', () => post(move(1), { method: 'GET' }), 405],
  ])('refuses %s, and gives the next move to its readers', async (_what, ask, status) => {
    const read = reader();
    await read(1);
    expect(await ask()).toBe(status);
    await post(move(7));
    expect(await read(1)).toEqual(ids(7));
  });

  test('gives the next move to its readers after a client has disconnected in the middle of a body', async () => {
    const read = reader();
    await read(1);
    const half = httpRequest(url, { method: 'POST', headers: { 'content-length': '1000' } });
    half.on('error', () => {});
    const arrived = new Promise((resolve) => void server.once('request', resolve));
    half.write('{');
    await arrived;
    half.destroy();
    expect(await post(move(7))).toBe(204);
    expect(await read(1)).toEqual(ids(7));
  });
});
