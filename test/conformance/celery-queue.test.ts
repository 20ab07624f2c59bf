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

/** These queues are declared in advance, because a kill right after the declaration could lose them. */
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

    test('contains every task that it confirmed, even if the broker is killed while many tasks are in flight', async () => {
      const queue = openAt(broker.url);
      const sent: Promise<EnqueueResult>[] = [];
      const { promise: killed, resolve } = Promise.withResolvers<void>();
      let answers = 0;
      for (let nth = 1; nth <= 200; nth++) {
        const answer = queue.enqueue(taskFor('survivors', nth));
        sent.push(answer);
        // Kills the broker after the 20th confirmation. At that time other tasks are in flight.
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
      // RabbitMQ or Redis may have stored a task without confirming it, so the queue may contain more tasks than were
      // confirmed.
      const there = await waiting(broker.url, 'survivors');
      expect(there).toBeGreaterThanOrEqual(queued);
      expect(there).toBeLessThanOrEqual(201);
    });

    test('returns "later" while the broker is down, and accepts the same task when the broker is back', async () => {
      const queue = openAt(broker.url);
      expect(await queue.enqueue(taskFor('restarts', 1))).toEqual({ kind: 'queued' });
      await broker.kill();
      expect(await queue.enqueue(taskFor('restarts', 2))).toMatchObject({ kind: 'later' });
      expect(await openAt(broker.url).enqueue(taskFor('restarts', 2))).toMatchObject({ kind: 'later' });
      await broker.restart();
      expect(await queue.enqueue(taskFor('restarts', 2))).toEqual({ kind: 'queued' });
      expect(await waiting(broker.url, 'restarts')).toBe(3);
    });

    test('returns "later" while the broker does not respond, on an open or a new connection, and accepts tasks when the broker responds again', async () => {
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

    test('can be closed while the broker does not respond, and returns "later" afterwards', async () => {
      const { proxy, url } = await behindProxy();
      const queue = openAt(url);
      await queue.enqueue(taskFor('closing', 1));
      proxy.swallow();
      const inFlight = queue.enqueue(taskFor('closing', 2));
      await queue.close();
      expect(await inFlight).toMatchObject({ kind: 'later' });
      expect(await queue.enqueue(taskFor('closing', 3))).toMatchObject({ kind: 'later' });
    });

    test('refuses an invalid task without connecting to the broker', async () => {
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

    test('does not include the host or the user name of the broker in the result of a failed login', async () => {
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
  'a Celery queue in RabbitMQ',
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

    test('is declared again after it was deleted: the next enqueue returns "later", and the one after it succeeds', async () => {
      expect(await queue.enqueue(taskFor('deleted', 1))).toEqual({ kind: 'queued' });
      await withChannel(broker.url, (channel) => channel.deleteQueue('deleted'));
      expect(await queue.enqueue(taskFor('deleted', 2))).toMatchObject({ kind: 'later' });
      expect(await queue.enqueue(taskFor('deleted', 2))).toEqual({ kind: 'queued' });
      expect(await waitingInRabbitmq(broker.url, 'deleted')).toBe(1);
    });

    test('accepts tasks when a worker has already declared the queue with other arguments', async () => {
      const others = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
      await withChannel(broker.url, (channel) => channel.assertQueue('quorum', others));
      expect(await queue.enqueue(taskFor('quorum', 1))).toEqual({ kind: 'queued' });
      expect(await queue.enqueue(taskFor('quorum', 2))).toEqual({ kind: 'queued' });
      expect(await waitingInRabbitmq(broker.url, 'quorum')).toBe(2);
    });

    test('is declared with the arguments that a Celery worker uses, so Pointsman or the worker can declare it first', async () => {
      expect(await queue.enqueue(taskFor('declared', 1))).toEqual({ kind: 'queued' });
      // RabbitMQ returns an error here if the queue was declared with other arguments.
      await withChannel(broker.url, (channel) => channel.assertQueue('declared', { durable: true }));
    });
  },
);

describe.skipIf(skipWithout('Celery’s queues in Redis', ['redis-server']))('a Celery queue in Redis', () => {
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

  test('refuses a task when the Redis key of the queue holds a value that is not a queue', async () => {
    await withClient(broker.url, (client) => client.set('taken', 'by somebody else'));
    expect(await queue.enqueue(taskFor('taken', 1))).toEqual({
      kind: 'refused',
      summary: 'the key taken in Redis is not a queue',
    });
  });

  test('defers each new task while the queue is at its maximum length', async () => {
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
