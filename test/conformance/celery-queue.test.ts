import { connect } from 'amqplib';
import { pino } from 'pino';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CeleryQueue, CeleryTask, EnqueueResult } from '../../services/celery/celery-queue.ts';
import { celeryLimits } from '../../services/celery/limits.ts';
import { rabbitCeleryQueue } from '../../services/celery/rabbitmq-queue.ts';
import { redisCeleryQueue } from '../../services/celery/redis-queue.ts';
import type { RedisClient } from '../../packages/client/redis/connection.ts';
import { startRabbitmq, startRedis, type TestBroker } from '../support/servers/brokers.ts';
import { startSilentProxy } from '../support/servers/silent-proxy.ts';
import { skipWithout } from '../support/servers/system-packages.ts';

const QUEUES = [
  { name: 'RabbitMQ', start: startRabbitmq, open: rabbitCeleryQueue, waiting: waitingInRabbitmq },
  { name: 'Redis', start: startRedis, open: redisCeleryQueue, waiting: waitingInRedis },
] as const;

/** Queues that are there before a broker is killed: one that was declared just then may be gone. */
const KILLED = ['survivors', 'restarts'] as const;

const log = pino({ level: 'silent' });

describe.skipIf(skipWithout('the queues of Celery', ['redis-server', 'rabbitmq-server'])).each(QUEUES)(
  'a Celery queue in $name',
  ({ start, open, waiting }) => {
    let broker: TestBroker;
    let ends = new AsyncDisposableStack();

    beforeAll(async () => {
      broker = await start();
      const queue = open({ url: broker.url, log });
      for (const name of KILLED) expect(await queue.enqueue(taskFor(name, 0))).toEqual({ kind: 'queued' });
      await queue.close();
      await broker.restartGently();
    });

    afterEach(async () => {
      await ends.disposeAsync();
      ends = new AsyncDisposableStack();
    });

    afterAll(() => broker.stop());

    const openAt = (url: string): CeleryQueue => {
      const queue = open({ url, log });
      ends.defer(() => queue.close());
      return queue;
    };

    const behindProxy = async () => {
      const proxy = await startSilentProxy(broker.port);
      ends.defer(() => proxy.stop());
      return { proxy, url: broker.url.replace(`:${broker.port}`, `:${proxy.port}`) };
    };

    test('has what it said that it has, after the broker was killed in the middle of many', async () => {
      const queue = openAt(broker.url);
      const sent: Promise<EnqueueResult>[] = [];
      const { promise: killed, resolve } = Promise.withResolvers<void>();
      let answers = 0;
      for (let nth = 1; nth <= 200; nth++) {
        const answer = queue.enqueue(taskFor('survivors', nth));
        sent.push(answer);
        // Once some are confirmed, others are on their way.
        void answer.then(() => {
          if (++answers === 20) resolve(broker.kill());
        });
        if (nth % 20 === 0) await answer;
      }
      const kinds = (await Promise.all(sent)).map(({ kind }) => kind);
      await killed;
      expect(new Set(kinds)).toEqual(new Set(['queued', 'later']));

      await broker.restart();
      const queued = 1 + kinds.filter((kind) => kind === 'queued').length;
      // Unknown is not failed: some of the others may be there, too.
      const there = await waiting(broker.url, 'survivors');
      expect(there).toBeGreaterThanOrEqual(queued);
      expect(there).toBeLessThanOrEqual(201);
    });

    test('says "later" while the broker is down, and takes the same task when it is back', async () => {
      const queue = openAt(broker.url);
      expect(await queue.enqueue(taskFor('restarts', 1))).toEqual({ kind: 'queued' });
      await broker.kill();
      expect(await queue.enqueue(taskFor('restarts', 2))).toMatchObject({ kind: 'later' });
      expect(await openAt(broker.url).enqueue(taskFor('restarts', 2))).toMatchObject({ kind: 'later' });
      await broker.restart();
      expect(await queue.enqueue(taskFor('restarts', 2))).toEqual({ kind: 'queued' });
      expect(await waiting(broker.url, 'restarts')).toBe(3);
    });

    test('says "later" when the broker falls silent, with a connection or without one, and goes on when it speaks again', async () => {
      const { proxy, url } = await behindProxy();
      const queue = openAt(url);
      expect(await queue.enqueue(taskFor('silence', 1))).toEqual({ kind: 'queued' });
      proxy.swallow();
      const answers = await Promise.all([
        queue.enqueue(taskFor('silence', 2)),
        queue.enqueue(taskFor('silence', 3)),
        openAt(url).enqueue(taskFor('silence', 4)),
      ]);
      expect(answers).toMatchObject([{ kind: 'later' }, { kind: 'later' }, { kind: 'later' }]);
      proxy.heal();
      expect(await queue.enqueue(taskFor('silence', 2))).toEqual({ kind: 'queued' });
      expect(await waiting(broker.url, 'silence')).toBe(2);
    });

    test('can be closed while the broker is silent, and says "later" from then on', async () => {
      const { proxy, url } = await behindProxy();
      const queue = openAt(url);
      await queue.enqueue(taskFor('closing', 1));
      proxy.swallow();
      const inFlight = queue.enqueue(taskFor('closing', 2));
      await queue.close();
      expect(await inFlight).toMatchObject({ kind: 'later' });
      expect(await queue.enqueue(taskFor('closing', 3))).toMatchObject({ kind: 'later' });
    });

    test('is asked nothing for a task that it could not have', async () => {
      const queue = openAt(
        'redis://nobody.invalid:1'.replace('redis', new URL(broker.url).protocol.slice(0, -1)),
      );
      const task = taskFor('refused', 1);
      expect(await queue.enqueue({ ...task, queue: 'Not A Queue' })).toMatchObject({ kind: 'refused' });
      expect(await queue.enqueue({ ...task, kwargs: { file: 'x'.repeat(20_000) } })).toMatchObject({
        kind: 'refused',
      });
      expect(await queue.enqueue({ ...task, expiresAt: 0 })).toMatchObject({ kind: 'refused' });
      expect(await queue.enqueue(task)).toMatchObject({ kind: 'later' });
    });

    test('says nothing of hosts and users to whoever configured it', async () => {
      const url = new URL(broker.url);
      url.username = 'mallory';
      url.password = 'zq7-secret';
      const answer = await openAt(url.href).enqueue(taskFor('login', 1));
      expect(answer).toMatchObject({ kind: 'later' });
      expect(JSON.stringify(answer)).not.toMatch(/mallory|zq7|127\.0\.0\.1|guest/);
    });
  },
);

describe.skipIf(skipWithout('Celery’s queues in RabbitMQ', ['rabbitmq-server']))(
  'a Celery queue of RabbitMQ’s',
  () => {
    let broker: TestBroker;
    let queue: CeleryQueue;

    beforeAll(async () => {
      broker = await startRabbitmq();
      queue = rabbitCeleryQueue({ url: broker.url, log });
    });

    afterAll(async () => {
      await queue.close();
      await broker.stop();
    });

    test('that was deleted swallows nothing: the task is told apart from a confirmed one, and then the queue is there again', async () => {
      expect(await queue.enqueue(taskFor('deleted', 1))).toEqual({ kind: 'queued' });
      await withChannel(broker.url, (channel) => channel.deleteQueue('deleted'));
      expect(await queue.enqueue(taskFor('deleted', 2))).toMatchObject({ kind: 'later' });
      expect(await queue.enqueue(taskFor('deleted', 2))).toEqual({ kind: 'queued' });
      expect(await waitingInRabbitmq(broker.url, 'deleted')).toBe(1);
    });

    test('may be one that a worker has declared in another way', async () => {
      const others = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
      await withChannel(broker.url, (channel) => channel.assertQueue('quorum', others));
      expect(await queue.enqueue(taskFor('quorum', 1))).toEqual({ kind: 'queued' });
      expect(await queue.enqueue(taskFor('quorum', 2))).toEqual({ kind: 'queued' });
      expect(await waitingInRabbitmq(broker.url, 'quorum')).toBe(2);
    });

    test('is declared as a Celery worker would, so that either may come first', async () => {
      expect(await queue.enqueue(taskFor('declared', 1))).toEqual({ kind: 'queued' });
      // Rejects when the arguments differ.
      await withChannel(broker.url, (channel) => channel.assertQueue('declared', { durable: true }));
    });
  },
);

describe.skipIf(skipWithout('Celery’s queues in Redis', ['redis-server']))('a Celery queue of Redis’', () => {
  let broker: TestBroker;
  let queue: CeleryQueue;

  beforeAll(async () => {
    broker = await startRedis();
    queue = redisCeleryQueue({ url: broker.url, log });
  });

  afterAll(async () => {
    await queue.close();
    await broker.stop();
  });

  test('is no other key that happens to have its name', async () => {
    await withClient(broker.url, (client) => client.set('taken', 'by somebody else'));
    expect(await queue.enqueue(taskFor('taken', 1))).toEqual({
      kind: 'refused',
      summary: 'the key taken in Redis is not a queue',
    });
  });

  test('has an end, past which a task waits elsewhere', async () => {
    const most = Array.from({ length: celeryLimits.waitingInRedis - 1 }, () => 'a task');
    await withClient(broker.url, (client) => client.lPush('long', most));
    expect(await queue.enqueue(taskFor('long', 1))).toEqual({ kind: 'queued' });
    expect(await queue.enqueue(taskFor('long', 2))).toMatchObject({ kind: 'later' });
  });
});

function taskFor(queue: string, nth: number): CeleryTask {
  return {
    id: `acme:support-bot:v${nth}:1`,
    task: 'pointsman.compile',
    queue,
    kwargs: { callback: { url: 'https://pointsman.example/v1/callbacks/abc' } },
    expiresAt: Date.now() + 600_000,
    correlationId: `acme:support-bot:v${nth}`,
  };
}

function waitingInRedis(url: string, queue: string): Promise<number> {
  return withClient(url, (client) => client.lLen(queue));
}

async function withClient<T>(url: string, use: (client: RedisClient) => Promise<T>): Promise<T> {
  const client = await createClient({ url }).connect();
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

function waitingInRabbitmq(url: string, queue: string): Promise<number> {
  return withChannel(url, async (channel) => (await channel.checkQueue(queue)).messageCount);
}

async function withChannel<T>(
  url: string,
  use: (channel: Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createChannel']>>) => Promise<T>,
): Promise<T> {
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    return await use(channel);
  } finally {
    await connection.close();
  }
}
