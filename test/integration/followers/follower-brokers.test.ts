import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import { type MoveEvent, moveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { rabbitMoveExchange } from '../../../services/rabbitmq/move-exchange.ts';
import { tailMoves } from '../../../packages/client/rabbitmq/move-tail.ts';
import { webhookReceiver } from '../../../packages/client/webhooks/receiver.ts';
import { signatureHeaders } from '../../../packages/protocol/webhooks/sign.ts';
import { startRabbitmq } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { followedWorld } from '../../support/worlds/followed-world.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const world = followedWorld();
const silent = pino({ level: 'silent' });
const files = (n: number) => ({ 'a.json': `{"n":${n}}` });

function eventOf(generation: number, digest: string): MoveEvent {
  const place = { tenant: world.tenant, bundle: 'bot', channel: 'live', generation, seq: generation };
  const to = { version: generation, digest };
  return moveEvent({ ...place, from: null, to, movedAt: '2026-01-02T03:04:05.678Z' });
}

describe.skipIf(skipWithout('followers by RabbitMQ', ['rabbitmq-server']))(
  'a follower with RabbitMQ as its source',
  () => {
    test('follows moves across a RabbitMQ that is killed and restarted', async () => {
      const rabbit = await startRabbitmq();
      const sink = rabbitMoveExchange({ url: rabbit.url, log: silent, unrouted: 'alternate' });
      const send = (event: MoveEvent): Promise<unknown> => {
        const batch = { tenant: world.tenant, events: [event], atMs: Date.now(), position: null };
        const sent = () => sink.send({ ...batch, mustBeDelivered: () => false });
        return eventually(async () => (await sent()).count === 1, { what: 'RabbitMQ has the move' });
      };
      try {
        await send(eventOf(1, await world.publish(files(1))));
        const pointer = { tenant: world.tenant, bundle: 'bot', channel: 'live' };
        const follower = await world.follow({
          source: (signal) => tailMoves({ url: rabbit.url, pointer, signal, log: silent }),
        });
        await send(eventOf(2, await world.publish(files(2))));
        await world.at(follower, 2);
        await rabbit.kill();
        const three = await world.publish(files(3));
        expect(follower.current.json('a.json')).toEqual({ n: 2 });
        await rabbit.restart();
        await send(eventOf(3, three));
        await world.at(follower, 3);
        expect(follower.status().ignored.false).toBe(0);
      } finally {
        await sink.close();
        await rabbit.stop();
      }
    });
  },
);

describe('a follower with webhooks as its source', () => {
  test('follows a signed webhook, and ignores a webhook that is signed with another secret', async () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const receiver = webhookReceiver({ secrets: [secret] });
    const server = createServer(receiver.listener);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', () => listening()));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const post = async (event: MoveEvent, secrets: string[]): Promise<number> => {
      const body = JSON.stringify(event);
      const timestamp = Math.floor(Date.now() / 1_000);
      const signed = signatureHeaders({ id: event.id, timestamp, body }, secrets);
      return (await fetch(url, { method: 'POST', body, headers: signed })).status;
    };
    try {
      await world.publish(files(1));
      const follower = await world.follow({ source: (signal) => receiver.moves(signal) });
      await eventually(async () => follower.status().acknowledged === 1, { what: 'it has begun' });
      const digest = await world.publish(files(2));
      const others = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
      expect(await post(eventOf(2, digest), [others])).toBe(401);
      expect(follower.current.generation).toBe(1);
      expect(await post(eventOf(2, digest), [secret])).toBe(204);
      await world.at(follower, 2);
    } finally {
      await new Promise((closed) => server.close(closed));
    }
  });
});
