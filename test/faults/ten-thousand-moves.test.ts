import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { PointerId } from '../../packages/protocol/identifiers.ts';
import type { MoveEvent } from '../../packages/protocol/moves/move-event.ts';
import { createTenant } from '../../services/postgres/tenants/tenants.ts';
import { startRabbitmq, startRedis } from '../support/servers/brokers.ts';
import { type ControlPlane, startControlPlane } from '../support/worlds/control-plane.ts';
import { eventually } from '../support/runs/eventually.ts';
import { withoutRepetitions } from '../support/data/generations.ts';
import { neighbours } from '../support/data/move-events.ts';
import {
  bindAudit,
  type ForgetfulEndpoint,
  inQueue,
  inStreams,
  sinksBehind,
  moveBackAndForth,
  publishTwice,
  startForgetfulEndpoint,
} from '../support/worlds/moved-fleet.ts';
import { type Fault, killAtRandom, type Reached, strike } from '../support/runs/nemesis.ts';
import {
  nameOf,
  type RecordingRuntime,
  runtimeOnRabbitmq,
  runtimeOnRedis,
} from '../support/servers/noting-runtime.ts';
import { contradictions } from '../support/runs/record-check.ts';
import { seededRandom, seedOfRun, shuffled } from '../support/data/seeded-random.ts';
import { startSilentProxy } from '../support/servers/silent-proxy.ts';
import { addWebhook, MAY_CALL_ENDPOINTS, range } from '../support/worlds/sink-world.ts';
import { skipWithout } from '../support/servers/system-packages.ts';

const minute = 60_000;
const MOVES = 10_000;
/** The first two tenants share a stream, and therefore one writer. */
const TENANTS = [...neighbours(2), 'globex', 'initech', 'umbrella'];
const POINTERS: PointerId[] = TENANTS.flatMap((tenant) =>
  ['bot', 'faq', 'mail', 'voice'].map((bundle) => ({ tenant, bundle, channel: 'live' })),
);
const AUDIT = 'audit';
const FAULTS: readonly (readonly ['redis' | 'rabbitmq', Fault])[] = [
  ['redis', 'killed'],
  ['redis', 'killed'],
  ['redis', 'killed'],
  ['redis', 'silent'],
  ['redis', 'silent'],
  ['rabbitmq', 'killed'],
  ['rabbitmq', 'killed'],
  ['rabbitmq', 'silent'],
  ['rabbitmq', 'silent'],
  ['rabbitmq', 'silent'],
];
const MOVES_PER_FAULT = MOVES / FAULTS.length / POINTERS.length;
/** The generations of one pointer at the end: two from its publishes, and its part of the moves. */
const GENERATIONS = 2 + MOVES / POINTERS.length;

describe.skipIf(skipWithout('10,000 moves through faults', ['redis-server', 'rabbitmq-server']))(
  'while the worker and the brokers are killed or stop responding at random',
  () => {
    const seed = seedOfRun();
    const ends = new AsyncDisposableStack();
    let plane: ControlPlane;
    let endpoint: ForgetfulEndpoint;
    let brokers: Record<'redis' | 'rabbitmq', Reached>;
    let runtimes: Record<'redis' | 'rabbitmq', RecordingRuntime>;

    const throughProxy = ({ broker, proxy }: Reached): string =>
      broker.url.replace(`:${broker.port}`, `:${proxy.port}`);

    beforeAll(async () => {
      // These brokers keep every confirmed write when they are killed, so a missing move was never delivered.
      const [redis, rabbitmq] = await Promise.all([startRedis(), startRabbitmq()]);
      ends.defer(() => redis.stop());
      ends.defer(() => rabbitmq.stop());
      const reach = async (broker: Reached['broker']): Promise<Reached> => {
        const proxy = await startSilentProxy(broker.port);
        ends.defer(() => proxy.stop());
        return { broker, proxy };
      };
      brokers = { redis: await reach(redis), rabbitmq: await reach(rabbitmq) };
      endpoint = await startForgetfulEndpoint(seededRandom(seed, 'endpoint'));
      ends.defer(() => endpoint.server.close());
      plane = await startControlPlane({
        plainWorker: true,
        workerEnv: async () => ({
          ...MAY_CALL_ENDPOINTS,
          REDIS_URL: throughProxy(brokers.redis),
          AMQP_URL: throughProxy(brokers.rabbitmq),
        }),
      });
      ends.defer(() => plane.stop());
      for (const tenant of TENANTS) {
        await createTenant(plane.db, tenant, 'test', Date.now());
        await addWebhook(plane, tenant, endpoint);
      }
      runtimes = await startRuntimes();
    });
    afterAll(() => ends.disposeAsync());

    /** Starts every consumer of moves. They must exist before the first move. */
    async function startRuntimes(): Promise<typeof runtimes> {
      const { url } = brokers.rabbitmq.broker;
      await bindAudit(url, AUDIT);
      const sources = { db: plane.db, pointers: POINTERS };
      const redis = runtimeOnRedis({ ...sources, url: throughProxy(brokers.redis) });
      ends.defer(() => redis.stop());
      const rabbitmq = runtimeOnRabbitmq({ ...sources, url: throughProxy(brokers.rabbitmq) });
      ends.defer(() => rabbitmq.stop());
      await eventually(async () => rabbitmq.isBound(), { what: 'its queue is bound' });
      // A graceful restart stores the queue. A kill right after the declaration could lose it.
      await brokers.rabbitmq.broker.restartGently();
      return { redis, rabbitmq };
    }

    /**
     * Moves all pointers while the brokers and the worker suffer random faults.
     * @returns the number of moves
     */
    async function moveUnderFaults(): Promise<number> {
      const random = seededRandom(seed, 'faults');
      const killing = killAtRandom(plane.worker, Object.values(brokers), seededRandom(seed, 'worker'));
      let moved = 0;
      for (const [broker, fault] of shuffled(random, FAULTS)) {
        const moving = POINTERS.map((pointer) => moveBackAndForth(plane, pointer, MOVES_PER_FAULT));
        const [counts] = await Promise.all([Promise.all(moving), strike(brokers[broker], fault, random)]);
        for (const count of counts) moved += count;
      }
      await killing.end();
      return moved;
    }

    function expectEveryGenerationOnce(events: readonly MoveEvent[], sink: string): number {
      const { generations, seqs, duplicates } = withoutRepetitions(events);
      for (const pointer of POINTERS) {
        const name = nameOf(pointer);
        expect(generations.get(name), `${sink}: ${name}`).toEqual(range(1, GENERATIONS));
      }
      const perTenant = (GENERATIONS * POINTERS.length) / TENANTS.length;
      for (const tenant of TENANTS) {
        expect(seqs.get(tenant), `${sink}: the feed of ${tenant}`).toEqual(range(1, perTenant));
      }
      return duplicates;
    }

    async function expectUpToDate(sink: string, { brought }: RecordingRuntime): Promise<void> {
      const newest = (pointer: PointerId) => brought.get(nameOf(pointer))?.at(-1);
      await eventually(async () => POINTERS.every((pointer) => newest(pointer) === GENERATIONS), {
        what: `the runtime on ${sink} has the newest generation of every pointer`,
      });
      for (const [name, generations] of brought) {
        const rising = [...new Set(generations)].toSorted((left, right) => left - right);
        expect(generations, `the runtime on ${sink}: ${name}`).toEqual(rising);
      }
    }

    test(
      'every sink gets 10,000 moves in generation order, each once after duplicates are dropped, and no runtime goes back to an older generation (promises 7, 12)',
      async () => {
        const begun = performance.now();
        console.warn(`POINTSMAN_SEED=${seed}`);
        await publishTwice(plane, POINTERS);
        expect(await moveUnderFaults()).toBe(MOVES);
        const moved = performance.now();
        const behind: string[] = [];
        await eventually(
          async () => {
            behind.splice(0, behind.length, ...(await sinksBehind(plane, TENANTS)));
            return behind.length === 0;
          },
          { withinMs: 8 * minute, what: 'every sink has received every move' },
        ).catch((error: unknown) => {
          throw new Error(`still behind:\n${behind.join('\n')}`, { cause: error });
        });
        const delivered = performance.now();
        const duplicates = {
          redis: expectEveryGenerationOnce(await inStreams(brokers.redis.broker.url, TENANTS), 'Redis'),
          rabbitmq: expectEveryGenerationOnce(await inQueue(brokers.rabbitmq.broker.url, AUDIT), 'RabbitMQ'),
          webhook: expectEveryGenerationOnce(endpoint.taken, 'the webhook'),
        };
        await expectUpToDate('Redis', runtimes.redis);
        await expectUpToDate('RabbitMQ', runtimes.rabbitmq);
        const { deaths } = plane.worker;
        const byEvents = { redis: runtimes.redis.byEvents(), rabbitmq: runtimes.rabbitmq.byEvents() };
        const seconds = { moving: (moved - begun) / 1_000, healing: (delivered - moved) / 1_000 };
        const seen = { seed, deaths, duplicates, byEvents, refused: endpoint.refused(), seconds };
        console.warn(JSON.stringify(seen));
        // The sink chooses the ids of the Redis entries, so Redis rejects the duplicates of a repeated batch.
        expect(duplicates.redis).toBe(0);
        // Checks that the faults really happened. Without them the test would prove nothing.
        expect(deaths).toBeGreaterThanOrEqual(3);
        expect(endpoint.refused()).toBeGreaterThan(0);
        expect(duplicates.webhook).toBeGreaterThan(0);
        expect(byEvents.redis).toBeGreaterThan(MOVES / 10);
        // RabbitMQ keeps undelivered messages. Its runtime therefore got every generation by an event, and needed no
        // snapshot after the first one.
        expect(byEvents.rabbitmq).toBe(GENERATIONS * POINTERS.length);
        expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
      },
      15 * minute,
    );
  },
);
