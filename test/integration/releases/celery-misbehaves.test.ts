import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { findPointer } from '../../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { type AskedWorld, givePolicy, startAskedWorld } from '../../support/worlds/asked-world.ts';
import { startRabbitmq, startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { startCeleryWorker, type TestCeleryWorker } from '../../support/servers/celery-worker.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { isDeep } from '../../support/runs/deep.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

// This file is not part of the replay run, because it waits for Celery. remote-compile.test.ts runs the same handlers
// with Restate replaying.
//
// Tests a real Celery worker that misbehaves. The name of the bundle selects how: see
// test/support/celery/misbehaving.py.

const PACKAGES = ['redis-server', 'rabbitmq-server', 'python3-celery', 'python3-redis'] as const;

const BROKERS = [
  { broker: 'rabbitmq', start: startRabbitmq, setting: 'AMQP_URL' },
  { broker: 'redis', start: startRedis, setting: 'REDIS_URL' },
] as const;

const grants = (broker: string) => JSON.stringify([{ tenant: '*', broker, queue: 'compile' }]);

describe.skipIf(skipWithout('Celery workers that misbehave', PACKAGES)).each(BROKERS)(
  'a Celery worker over $broker',
  ({ broker, start, setting }) => {
    // What a worker reports does not depend on the broker. Outside of the deep tests, these tests run with one broker.
    const ofReports = isDeep || broker === 'redis';
    const testReport = test.each(ofReports ? [broker] : []);
    const cleanup = new AsyncDisposableStack();
    let server: TestBroker;
    let world: AskedWorld;
    let worker: TestCeleryWorker;
    let tenant: string;

    const startWorker = async (env: Record<string, string> = {}): Promise<TestCeleryWorker> => {
      const options = { queue: 'compile', concurrency: 1, app: 'misbehaving', env } as const;
      const started = await startCeleryWorker({ brokerUrl: server.url, ...options });
      cleanup.defer(() => started.stop());
      return started;
    };

    beforeAll(async () => {
      server = await start();
      cleanup.defer(() => server.stop());
      world = await startAskedWorld({
        env: { [setting]: server.url, POINTSMAN_CELERY_TASKS: grants(broker) },
      });
      cleanup.defer(() => world.stop());
      worker = await startWorker();
    });
    beforeEach(async () => {
      tenant = await newTenant(world.plane);
    });
    afterEach(async () => {
      expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
    });
    afterAll(() => cleanup.disposeAsync());

    const publish = async (bundle: string, rule: object = {}): Promise<number> => {
      await givePolicy(world.plane, tenant, {
        compile: { executor: 'celery', broker, queue: 'compile', within: '10m', attempts: 2, ...rule },
      });
      return accepted(world.plane, tenant, { bundle, files: { 'config.json': '{"a": 2}' } });
    };
    const end = (bundle: string, version: number) => settled(world.plane, tenant, version, { bundle });
    const pointer = (bundle: string) => findPointer(world.plane.db, { tenant, bundle, channel: 'live' });
    const requests = async (bundle: string, version: number): Promise<string[]> => {
      const release = await findRelease(world.plane.db, { tenant, bundle, version });
      const effects = release?.effects.filter(({ effect }) => effect === 'compile-request') ?? [];
      return effects.map(({ state }) => state);
    };
    const answers = (): Promise<unknown> =>
      world.plane.db.call(
        tenant,
        `SELECT detail->>'attempt' AS attempt, detail->>'status' AS result FROM audit
         WHERE tenant = $1 AND action = 'compile report'`,
        [tenant],
      );
    /** The lines that the worker has logged about this test’s tenant. */
    const logged = async (): Promise<string[]> =>
      (await worker.log()).split('\n').filter((line) => line.includes(`${tenant}:`));
    const hasLogged = (text: string, times = 1) =>
      eventually(async () => (await logged()).filter((line) => line.includes(text)).length >= times, {
        what: `the worker has logged "${text}" ${times} times`,
      });

    testReport('that gets a job twice and reports it twice is counted once', async () => {
      const version = await publish('twice');
      expect(await end('twice', version)).toMatchObject({ outcome: 'published', generation: 1 });
      await hasLogged('said again: counts no more');
      // The worker receives the same job a second time, with the same id.
      await hasLogged('already answered');
      expect((await logged()).filter((line) => line.endsWith(': compiled'))).toHaveLength(1);
      expect(await answers()).toEqual([{ attempt: '1', result: 'compiled' }]);
      expect(await requests('twice', version)).toEqual(['done']);
      expect(await pointer('twice')).toMatchObject({ version, generation: 1 });
    });

    testReport(
      'that reports after its deadline gets 410, and the next attempt of the release is published',
      async () => {
        const version = await publish('late', { within: '10s', attempts: 3 });
        expect(await end('late', version)).toMatchObject({ outcome: 'published', generation: 1 });
        await hasLogged('already answered (POST: HTTP 410)');
        const heard = (await answers()) as { attempt: string }[];
        expect(heard).toHaveLength(1);
        expect(Number(heard[0]?.attempt)).toBeGreaterThan(1);
        expect((await requests('late', version)).at(-1)).toBe('done');
      },
    );

    test.each(
      [
        ['changes a byte of its upload', 'flipped', 'PUT: HTTP 422'],
        ['names an artifact that does not exist', 'misnamed', 'POST: HTTP 422'],
      ].filter(() => ofReports),
    )(
      'that %s gets as many attempts as the policy allows, and the pointer does not move',
      async (_what, bundle, refusal) => {
        await end(bundle, await accepted(world.plane, tenant, { bundle }));
        const before = await pointer(bundle);
        expect(before).toMatchObject({ version: 1, generation: 1 });
        // A Celery worker polls Redis every 5 s. This time is longer, so each attempt reaches the worker before the
        // attempt ends.
        const { outcome, reason } = await end(bundle, await publish(bundle, { within: '10s' }));
        expect(outcome).toBe('errored');
        expect(reason).toMatch(
          /^not compiled in 2 attempts; the last one: the compiler did not respond before /,
        );
        expect(await pointer(bundle)).toEqual(before);
        expect(await answers()).toEqual([]);
        expect(await worker.log()).toContain(refusal);
      },
    );

    test('that dies during its job is replaced by the next worker, which gets the job from the broker', async () => {
      await worker.stop();
      // RabbitMQ notices the end of a worker's connection immediately. With Redis, a worker takes over abandoned jobs
      // only when it starts and every hundred seconds (kombu 5.2).
      const soon = { VISIBILITY_SECONDS: '1' };
      worker = await startWorker({ ...soon, HANG_OVER: 'mortal' });
      const version = await publish('mortal');
      await hasLogged('hangs over');
      await worker.kill();
      worker = await startWorker(soon);
      const release = await eventually(
        async () => {
          const found = await findRelease(world.plane.db, { tenant, bundle: 'mortal', version });
          return found?.status === 'settled' ? found : null;
        },
        { what: 'the next worker has the job', withinMs: 240_000 },
      );
      expect(release).toMatchObject({ outcome: 'published', generation: 1 });
      // Only one request was sent, so the first attempt compiled the release, and not a second one.
      expect(await requests('mortal', version)).toEqual(['done']);
      expect(await answers()).toEqual([{ attempt: '1', result: 'compiled' }]);
    });
  },
);
