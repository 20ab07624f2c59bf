import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { findArtifactFile } from '../../../services/postgres/content/artifacts.ts';
import { findPointer } from '../../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { type AskedWorld, givePolicy, startAskedWorld } from '../../support/worlds/asked-world.ts';
import { startRabbitmq, startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { startCeleryWorker, type TestCeleryWorker } from '../../support/servers/celery-worker.ts';
import { accepted, newTenant, type PublishOptions, settled } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { type SilentProxy, startSilentProxy } from '../../support/servers/silent-proxy.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

// This file is not part of the replay run, because it tests Celery. remote-compile.test.ts runs the same handlers
// with Restate replaying.

const PACKAGES = ['redis-server', 'rabbitmq-server', 'python3-celery', 'python3-redis'] as const;

const BROKERS = [
  // When a worker dies, RabbitMQ immediately gives its job to another worker.
  { broker: 'rabbitmq', start: startRabbitmq, setting: 'AMQP_URL', within: '10m' },
  // When a worker dies, Redis gives its job to another worker only after a long time. The next attempt of Pointsman
  // comes first.
  { broker: 'redis', start: startRedis, setting: 'REDIS_URL', within: '10s' },
] as const;

/** The grants that allow every tenant to use this test's queue, and a queue that has no workers. */
const grants = (broker: string) =>
  JSON.stringify(['compile', 'nobody'].map((queue) => ({ tenant: '*', broker, queue })));

describe.skipIf(skipWithout('compiling with Celery', PACKAGES)).each(BROKERS)(
  'a release whose compiler is a Celery worker over $broker',
  ({ broker, start, setting, within }) => {
    const cleanup = new AsyncDisposableStack();
    let server: TestBroker;
    let world: AskedWorld;
    let proxy: SilentProxy;
    let worker: TestCeleryWorker;
    let tenant: string;

    const startWorker = async (): Promise<TestCeleryWorker> => {
      const started = await startCeleryWorker({ brokerUrl: server.url, queue: 'compile', concurrency: 1 });
      cleanup.defer(() => started.stop());
      return started;
    };

    beforeAll(async () => {
      server = await start();
      cleanup.defer(() => server.stop());
      world = await startAskedWorld({
        env: { [setting]: server.url, POINTSMAN_CELERY_TASKS: grants(broker) },
        publicUrl: async (apiUrl) => {
          proxy = await startSilentProxy(Number(new URL(apiUrl).port));
          return `http://127.0.0.1:${proxy.port}`;
        },
      });
      cleanup.defer(() => world.stop());
      cleanup.defer(() => proxy.stop());
      worker = await startWorker();
    });
    beforeEach(async () => {
      tenant = await newTenant(world.plane);
    });
    afterEach(async () => {
      expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
    });
    afterAll(() => cleanup.disposeAsync());

    const publish = async (rule: object, files?: PublishOptions['files']): Promise<number> => {
      await givePolicy(world.plane, tenant, {
        compile: { executor: 'celery', broker, queue: 'compile', attempts: 5, ...rule },
      });
      return accepted(world.plane, tenant, files ? { files } : {});
    };
    const end = (version: number) => settled(world.plane, tenant, version);
    const requests = async (version: number): Promise<string[]> => {
      const release = await findRelease(world.plane.db, { tenant, bundle: 'bundle', version });
      const effects = release?.effects.filter(({ effect }) => effect === 'compile-request') ?? [];
      return effects.map(({ state }) => state);
    };

    test('is published with the files that the worker compiled', async () => {
      const version = await publish({}, { 'a.json': '{ "b": 1.0 }', 'c.md': '# c\n' });
      expect((await end(version)).outcome).toBe('published');
      const pointer = await findPointer(world.plane.db, { tenant, bundle: 'bundle', channel: 'live' });
      const file = await findArtifactFile(world.plane.db, tenant, pointer!.digest!, 'a.json');
      expect(Buffer.from(file!.head).toString()).toBe('{"b":1}');
      expect(await requests(version)).toEqual(['done']);
    });

    test('is rejected for a mistake that the worker found, and the diagnostic has its location', async () => {
      const { outcome, reason } = await end(await publish({}, { 'a.json': '{\n  "a": nul\n}' }));
      expect(outcome).toBe('rejected');
      expect(reason).toMatch(/^a\.json:2:8: /);
    });

    test('is published once although the Celery worker was killed during its job', async () => {
      proxy.swallow();
      const before = (await worker.log()).length;
      const version = await publish({ within });
      await eventually(async () => (await worker.log()).slice(before).includes('received'), {
        what: 'the Celery worker has the job',
      });
      await worker.kill();
      proxy.heal();
      worker = await startWorker();
      expect(await end(version)).toMatchObject({ outcome: 'published', generation: 1 });
      const states = await requests(version);
      expect(states.at(-1)).toBe('done');
      if (broker === 'rabbitmq') expect(states).toEqual(['done']);
    });

    test('waits for a broker that is down, and is published when the broker is back', async () => {
      await server.kill();
      const version = await publish({});
      await eventually(async () => (await requests(version)).includes('started'), {
        what: 'the request has begun',
      });
      await server.restart();
      expect((await end(version)).outcome).toBe('published');
      expect(await requests(version)).toEqual(['done']);
    });

    test('ends as errored when its queue has no worker, and the pointer does not move', async () => {
      await end(await accepted(world.plane, tenant));
      const live = { tenant, bundle: 'bundle', channel: 'live' };
      const before = await findPointer(world.plane.db, live);
      expect(before).toMatchObject({ version: 1, generation: 1 });
      const { outcome, reason } = await end(await publish({ queue: 'nobody', within: '5s', attempts: 2 }));
      expect(outcome).toBe('errored');
      expect(reason).toMatch(
        /^not compiled in 2 attempts; the last one: the compiler did not respond before /,
      );
      expect(await findPointer(world.plane.db, live)).toEqual(before);
    });
  },
);
