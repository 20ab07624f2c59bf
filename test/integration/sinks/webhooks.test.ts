import { HTTP } from 'cloudevents';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { SINK_TEST, type SinkEvent } from '../../../packages/protocol/moves/sink-event.ts';
import { webhookDelivery } from '../../../services/webhooks/deliver.ts';
import { verifyWebhook } from '../../../packages/client/webhooks/verify.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import type { Arrived } from '../../support/servers/outside-server.ts';

import { outside } from '../../support/data/outbound.ts';
import { answers, log, move, moves, secret, send, status, taken } from '../../support/data/webhooks.ts';

describe('a delivered event', () => {
  test('is a CloudEvent with a Standard Webhooks signature, and the libraries of both standards accept it', async () => {
    await using world = outside();
    const server = await world.server(answers(taken));
    const sent = await send(world.open(), `${server.origin}/in?for=acme`);
    expect(sent).toMatchObject({ count: 1, position: null, stopped: null });
    const [{ method, path, headers, body }] = server.arrived as [Arrived];
    expect([method, path]).toEqual(['POST', '/in?for=acme']);
    expect(headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'webhook-id': 'acme:support-bot:live:1',
      'idempotency-key': 'acme:support-bot:live:1',
      'pointsman-correlation-id': 'acme:support-bot:v1',
    });
    expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(move(1));
    expect(verifyWebhook({ headers, body: Buffer.from(body) }, { secrets: [secret] }).kind).toBe('verified');
    const read = HTTP.toEvent({ headers: { ...headers }, body });
    expect(read).toMatchObject({ ...move(1), time: '2026-03-01T12:00:00.000Z' });
  });

  test('is signed with each secret during a rotation', async () => {
    await using world = outside();
    const server = await world.server(answers(taken));
    const secrets = [newWebhookSecret(), secret];
    await send(world.open(), server.origin, { secrets });
    const [{ headers, body }] = server.arrived as [Arrived];
    expect(headers['webhook-signature']!.split(' ')).toHaveLength(2);
    for (const one of secrets) new Webhook(one).verify(body, headers as Record<string, string>);
  });

  test('that tests a webhook is delivered in the same way as a move', async () => {
    await using world = outside();
    const server = await world.server(answers(taken));
    const { data: _data, ...rest } = move(1);
    const event = {
      ...rest,
      id: 'acme:audit:test:1',
      type: SINK_TEST,
      data: { tenant: 'acme', sink: 'audit' },
    };
    const sent = await send(world.open(), server.origin, { events: [event as SinkEvent] });
    expect(sent.attempts).toMatchObject([{ seq: null, event: 'acme:audit:test:1', delivered: true }]);
    expect(server.arrived[0]?.headers['pointsman-correlation-id']).toBe('acme:audit');
  });

  test('has the same body and id when it is sent again', async () => {
    await using world = outside();
    const server = await world.server(answers(status(500), taken));
    const outbound = world.open();
    expect((await send(outbound, server.origin)).count).toBe(0);
    expect((await send(outbound, server.origin)).count).toBe(1);
    const [first, second] = server.arrived as [Arrived, Arrived];
    expect(second.body).toBe(first.body);
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
  });
});

describe('delivered events', () => {
  test('arrive one after the other, in order', async () => {
    await using world = outside();
    let atOnce = 0;
    const server = await world.server((_request, response) => {
      expect(++atOnce).toBe(1);
      setImmediate(() => {
        atOnce--;
        taken(response);
      });
    });
    const sent = await send(world.open(), server.origin, { events: moves(20) });
    expect(sent).toMatchObject({ count: 20, stopped: null });
    expect(server.arrived.map(({ headers }) => headers['webhook-id'])).toEqual(moves(20).map(({ id }) => id));
  });

  test('stop at the first event that the endpoint refuses, and continue from there', async () => {
    await using world = outside();
    const server = await world.server(answers(taken, taken, status(500), taken));
    const outbound = world.open();
    const sent = await send(outbound, server.origin, { events: moves(5) });
    const host = `127.0.0.1:${server.port}`;
    expect(sent).toEqual({
      count: 2,
      position: null,
      stopped: { kind: 'later', reason: `${host}: answered 500`, retryAfterMs: null },
      attempts: [
        attempt(1, { delivered: true, status: 204, summary: 'answered 204' }),
        attempt(2, { delivered: true, status: 204, summary: 'answered 204' }),
        attempt(3, { delivered: false, status: 500, summary: `${host}: answered 500` }),
      ],
    });
    expect(await send(outbound, server.origin, { events: moves(5).slice(2) })).toMatchObject({ count: 3 });
    const ids = server.arrived.map(({ headers }) => Number(headers['webhook-id']?.split(':').at(-1)));
    expect(ids).toEqual([1, 2, 3, 3, 4, 5]);
  });

  test('to a slow endpoint stop at the time limit of the delivery step, without an error', async () => {
    await using world = outside();
    const server = await world.server(answers(taken));
    // A simulated clock. Each response takes three seconds by this clock.
    let clock = 0;
    const delivery = webhookDelivery({
      outbound: world.open(),
      log,
      monotonicMs: () => (clock += 1_500),
    });
    const endpoint = { sink: 'audit', url: server.origin, secrets: [secret] };
    const sent = await delivery.send({ tenant: 'acme', events: moves(10) }, endpoint);
    expect(sent.stopped).toBeNull();
    expect(sent.count).toBeGreaterThan(0);
    expect(sent.count).toBe(server.arrived.length);
    expect(sent.count).toBeLessThan(sinkLimits.batchMs / 3_000);
  });
});

function attempt(seq: number, over: object) {
  return { seq, event: move(seq).id, tookMs: expect.any(Number) as number, ...over };
}
