import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { moveStream, partitionOf } from '../../../packages/protocol/sinks/sink.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { startRedis, type TestRedis } from '../../support/servers/brokers.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  deliveredTo,
  firstTimes,
  move,
  moveOften,
  range,
  requireSinks,
  sinkOf,
  steer,
  twoReleases,
} from '../../support/worlds/sink-world.ts';
import { type SilentProxy, startSilentProxy } from '../../support/servers/silent-proxy.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

describe.skipIf(skipWithout('moves delivered to Redis', ['redis-server']))(
  'a Redis stream that tenants share',
  () => {
    let broker: TestRedis;
    let proxy: SilentProxy;
    let plane: ControlPlane;

    beforeAll(async () => {
      broker = await startRedis();
      proxy = await startSilentProxy(broker.port);
      const url = broker.url.replace(`:${broker.port}`, `:${proxy.port}`);
      plane = await startControlPlane({ workerEnv: () => Promise.resolve({ REDIS_URL: url }) });
    });
    afterEach(async () => {
      expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
    });
    afterAll(async () => {
      await plane.stop();
      await proxy.stop();
      await broker.stop();
    });

    /** The feed numbers of a tenant's moves in its stream. */
    async function inStream(tenant: string): Promise<number[]> {
      const client = createClient({ url: broker.url });
      await client.connect();
      try {
        const entries = (await client.xRange(moveStream(tenant), '-', '+')) ?? [];
        const events = entries.map(({ message }) => MoveEvent.parse(JSON.parse(message['event'] ?? '')));
        return events.filter(({ data }) => data.tenant === tenant).map(({ data }) => data.seq);
      } finally {
        client.destroy();
      }
    }

    const delivered = (tenant: string, seq: number) => deliveredTo(plane, tenant, seq, 'redis');

    /** Creates two tenants that share one stream, and therefore one writer. */
    async function neighbours(): Promise<[string, string]> {
      const first = await newTenant(plane);
      for (;;) {
        const other = await newTenant(plane);
        if (partitionOf(other) === partitionOf(first)) return [first, other];
      }
    }

    test('has every move of each tenant once and in order, even while the sink of one tenant is paused', async () => {
      const [paused, other] = await neighbours();
      for (const tenant of [paused, other]) {
        await twoReleases(plane, tenant);
        await delivered(tenant, 2);
      }
      await steer(plane, paused, { kind: 'pause', reason: null }, { sink: 'redis' });
      for (const tenant of [paused, other]) await moveOften(plane, tenant, 3);
      await delivered(other, 5);
      expect(await inStream(paused)).toEqual([1, 2]);
      await steer(plane, paused, { kind: 'resume' }, { sink: 'redis' });
      await delivered(paused, 5);
      for (const tenant of [paused, other]) expect(await inStream(tenant)).toEqual(range(1, 5));
    });

    test('delays releases of a channel with "whenDown: freeze" from the first failure of its broker, but not of one with "whenDown: continue", and has all moves in order afterwards', async () => {
      const [continues, freezes] = await neighbours();
      await requireSinks(plane, continues, 'continue', ['redis']);
      await requireSinks(plane, freezes, 'freeze', ['redis']);
      for (const tenant of [continues, freezes]) {
        await twoReleases(plane, tenant);
        await delivered(tenant, 2);
      }
      await broker.kill();
      await moveOften(plane, continues, 1);
      await eventually(async () => (await sinkOf(plane, continues, 'redis')).failures > 0, {
        what: 'the outage of Redis is detected',
      });
      // Both tenants share the broker, so the failure is recorded at once for this tenant too, although none of its
      // moves was sent.
      const { failures, lastError } = await sinkOf(plane, freezes, 'redis');
      expect({ isFailing: failures > 0, lastError }).toEqual({
        isFailing: true,
        lastError: expect.stringContaining('Redis') as string,
      });
      const text = { files: { 'config.json': '{"text":"three"}' } };
      const version = await accepted(plane, freezes, text);
      const frozen = await eventually(
        async () => {
          const found = await findRelease(plane.db, { tenant: freezes, bundle: 'bundle', version });
          return found !== null && (found.status === 'settled' || found.status === 'waiting') ? found : null;
        },
        { what: 'the release that freezes is settled, or waits' },
      );
      expect(frozen).toMatchObject({ status: 'waiting', outcome: null });
      expect(frozen.waitingFor[0]?.text).toMatch(/^waits for the sink "redis": it has failed since /);
      const third = await accepted(plane, continues, text);
      expect((await settled(plane, continues, third)).outcome).toBe('published');
      await broker.restart();
      const last = await settled(plane, freezes, frozen.version);
      expect(last).toMatchObject({ outcome: 'published', generation: 3 });
      await delivered(continues, 4);
      expect(await inStream(continues)).toEqual(range(1, 4));
      await delivered(freezes, 3);
      expect(await inStream(freezes)).toEqual(range(1, 3));
    });

    test('contains a move once, even if the response to its append was lost and moves of other tenants came before the retry', async () => {
      const [unanswered, other] = await neighbours();
      for (const tenant of [unanswered, other]) {
        await twoReleases(plane, tenant);
        await delivered(tenant, 2);
      }
      proxy.swallowAnswers();
      await moveOften(plane, unanswered, 1);
      await eventually(async () => (await sinkOf(plane, unanswered, 'redis')).failures > 0, {
        what: 'the missing response is detected',
      });
      expect(await inStream(unanswered)).toEqual(range(1, 3));
      await steer(plane, unanswered, { kind: 'pause', reason: null }, { sink: 'redis' });
      proxy.heal();
      await moveOften(plane, other, 3);
      await delivered(other, 5);
      await move(plane, unanswered, 2);
      await steer(plane, unanswered, { kind: 'resume' }, { sink: 'redis' });
      await delivered(unanswered, 4);
      expect(await inStream(unanswered)).toEqual(range(1, 4));
      expect(await inStream(other)).toEqual(range(1, 5));
    });

    test('continues in order after a power loss that removed its newest entries, and a replay adds them again', async () => {
      const [tenant] = await neighbours();
      await twoReleases(plane, tenant);
      await moveOften(plane, tenant, 20);
      await delivered(tenant, 22);
      expect(await inStream(tenant)).toEqual(range(1, 22));
      await broker.restartWithoutEnd(4_000);
      const left = (await inStream(tenant)).length;
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThan(22);
      await move(plane, tenant, 1);
      await delivered(tenant, 23);
      expect(await inStream(tenant)).toEqual([...range(1, left), 23]);
      expect(await plane.worker.log()).toContain('Redis has lost the newest entries of a stream');
      await steer(plane, tenant, { kind: 'replay', after: left }, { sink: 'redis' });
      await delivered(tenant, 23);
      await eventually(async () => (await inStream(tenant)).length === 24, {
        what: 'the lost entries are in the stream again',
      });
      expect(await inStream(tenant)).toEqual([...range(1, left), 23, ...range(left + 1, 23)]);
    });

    test('continues after the last stored move when Restate has lost its data', async () => {
      const [tenant] = await neighbours();
      await twoReleases(plane, tenant);
      await delivered(tenant, 2);
      await plane.worker.down();
      await plane.restate.lose();
      await plane.worker.start();
      await moveOften(plane, tenant, 3);
      await delivered(tenant, 5);
      expect(firstTimes(await inStream(tenant))).toEqual(range(1, 5));
    });
  },
);
