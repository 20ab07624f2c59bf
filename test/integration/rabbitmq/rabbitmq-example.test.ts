import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { pino } from 'pino';
import { expect, test } from 'vitest';

import { follow, keyOf } from '../../../examples/rabbitmq/consumer.ts';
import { rabbitMoveExchange } from '../../../services/rabbitmq/move-exchange.ts';
import { startRabbitmq } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { batchOf, madeMoves, overAmqp } from '../../support/data/moves.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

test.skipIf(skipWithout('the example of a consumer in RabbitMQ', ['rabbitmq-server']))(
  'examples/rabbitmq runs the current artifact of the pointer first, and then the artifact of each move',
  async () => {
    await using ends = new AsyncDisposableStack();
    const broker = await startRabbitmq();
    ends.defer(() => broker.stop());
    const log = pino({ level: 'silent' });
    const target = rabbitMoveExchange({ url: broker.url, log, unrouted: 'mandatory' });
    ends.defer(() => target.close());
    expect(await target.probe()).toEqual({ kind: 'well' });

    // A fake API that returns the pointer. The real responses are tested with the API.
    const asked: (string | undefined)[] = [];
    const api = createServer((request, response) => {
      asked.push(request.url, request.headers.authorization);
      response.end(JSON.stringify({ generation: 2, digest: 'sha256:two' }));
    });
    await new Promise<void>((resolve) => void api.listen(0, '127.0.0.1', resolve));
    ends.defer(() => void api.close());

    const runs: string[] = [];
    const consumer = follow(
      {
        AMQP_URL: broker.url,
        QUEUE: 'example',
        POINTERS: ['acme.support-bot.live'],
        POINTSMAN_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
        POINTSMAN_TOKEN: 'a-token',
      },
      (pointer, digest) => runs.push(`${keyOf(pointer)} ${digest.slice(-3)}`),
    );
    ends.defer(() => consumer.close());
    await eventually(async () => runs.length === 1, { what: 'the example runs the current artifact' });
    expect(asked).toEqual(['/v1/tenants/acme/bundles/support-bot/channels/live', 'Bearer a-token']);

    expect(await target.send(batchOf(madeMoves(1, 4), () => true))).toMatchObject({ count: 4 });
    await eventually(async () => runs.length === 3, { what: 'the example runs the artifact of the move' });
    expect(runs).toEqual(['two', '003', '004'].map((end) => `acme.support-bot.live ${end}`));
    // RabbitMQ returns an error unless the queue has exactly these arguments, which are those of
    // docs/guides/rabbitmq.md.
    await overAmqp(broker.url, (channel) =>
      channel.assertQueue('example', {
        durable: true,
        arguments: {
          'x-queue-type': 'quorum',
          'x-delivery-limit': 5,
          'x-dead-letter-exchange': 'example.dead',
          'x-dead-letter-strategy': 'at-least-once',
          'x-overflow': 'reject-publish',
          'x-single-active-consumer': true,
          'x-expires': 604_800_000,
        },
      }),
    );
  },
);
