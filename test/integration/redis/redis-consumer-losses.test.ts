import { describe, expect, test } from 'vitest';
import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { moveStream } from '../../../packages/protocol/sinks/sink.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { moves, neighbours, nthMove } from '../../support/data/move-events.ts';
import { consumerStand } from '../../support/worlds/redis-consumer-stand.ts';
import { startSilentProxy } from '../../support/servers/silent-proxy.ts';
import type { Truth } from '../../support/servers/stream-runtime.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const [ACME = '', GLOBEX = ''] = neighbours(2);
const STREAM = moveStream(ACME);
const GROUP = 'runtimes';
const ids = (events: readonly MoveEvent[]): string[] => events.map(({ id }) => id);

describe.skipIf(skipWithout('consumers of the Redis streams', ['redis-server']))(
  'a consumer of moves in Redis during failures',
  () => {
    const stand = consumerStand(ACME, GROUP);
    const { start, add, attached, until, pending, nonePending } = stand;

    test('takes snapshots and continues when Redis has lost the consumer group, the stream or all data', async () => {
      const truth: Truth = new Map([[ACME, 0]]);
      const runtime = start(truth);
      await attached();
      await add(nthMove(ACME, 1));
      await until('the first applied', () => runtime.applied.length === 1);
      const losses = [
        () => stand.client.xGroupDestroy(STREAM, GROUP),
        () => stand.client.del(STREAM),
        () => stand.client.flushAll(),
      ];
      for (const [nth, lose] of losses.entries()) {
        const [seq, before] = [nth * 2 + 2, runtime.snapshots.length];
        // The database has this move, but the stream never contains it.
        truth.set(ACME, seq);
        await lose();
        await until('a snapshot', () => runtime.snapshots.length > before);
        await add(nthMove(ACME, seq + 1));
        truth.set(ACME, seq + 1);
        await until(
          'read on',
          () =>
            runtime.applied.includes(nthMove(ACME, seq + 1).id) || runtime.consumer.counts().duplicates > nth,
        );
      }
      expect(new Set(runtime.applied).size).toBe(runtime.applied.length);
    });

    test('continues at its position after Redis is restarted, and takes a snapshot in case moves were lost', async () => {
      const truth: Truth = new Map([[ACME, 0]]);
      const runtime = start(truth);
      await attached();
      await add(...moves(ACME, 1, 2));
      await until('both applied', () => runtime.applied.length === 2);
      const before = runtime.snapshots.length;
      stand.client.destroy();
      await stand.broker.restart();
      await stand.connect();
      await until('a snapshot', () => runtime.snapshots.length > before);
      await add(nthMove(ACME, 3));
      await until('the next one applied', () => runtime.applied.length === 3);
      expect(runtime.applied).toEqual(ids(moves(ACME, 1, 3)));
    });

    test('reconnects when its connection stops responding, and can be stopped immediately on such a connection', async () => {
      const proxy = await startSilentProxy(stand.broker.port);
      stand.defer(() => proxy.stop());
      const url = stand.broker.url.replace(`:${stand.broker.port}`, `:${proxy.port}`);
      const runtime = start(new Map([[ACME, 0]]), { url });
      await attached();
      proxy.swallow();
      await add(...moves(ACME, 1, 2));
      proxy.heal();
      await until('both applied', () => runtime.applied.length === 2);
      proxy.swallow();
      await runtime.consumer.stop();
      expect(runtime.applied).toEqual(ids(moves(ACME, 1, 2)));
    });

    test('retries an event that cannot be applied, then takes a snapshot instead, and applies the other events', async () => {
      const truth: Truth = new Map([
        [ACME, 0],
        [GLOBEX, 0],
      ]);
      const runtime = start(truth, {
        apply: async ({ data }) => {
          if (data.tenant === ACME && data.seq === 1) throw new Error('poison');
        },
      });
      await attached();
      truth.set(ACME, 1);
      await add(nthMove(ACME, 1), nthMove(GLOBEX, 1), nthMove(ACME, 2));
      await until('the others applied', () => runtime.applied.length === 2);
      expect(runtime.applied).toEqual([nthMove(GLOBEX, 1).id, nthMove(ACME, 2).id]);
      await nonePending();
    });

    test('retries a tenant later when the snapshot of the tenant also fails, leaves its move unacknowledged, and applies the moves of other tenants', async () => {
      const truth: Truth = new Map([
        [ACME, 1],
        [GLOBEX, 0],
      ]);
      let broken = true;
      const runtime = start(truth, {
        timings: { claimIdleMs: 1, claimEveryMs: 20 },
        snapshot: async (tenant) => {
          if (broken && tenant === ACME) throw new Error('the API is away');
          return { seq: truth.get(tenant) ?? 0 };
        },
      });
      await attached();
      await add(nthMove(ACME, 2), nthMove(GLOBEX, 1));
      await until('the other applied', () => runtime.applied.length === 1);
      expect(await pending()).toBe(1);
      broken = false;
      await until('the move applied', () => runtime.applied.length === 2);
      expect(runtime.applied).toEqual([nthMove(GLOBEX, 1).id, nthMove(ACME, 2).id]);
      await nonePending();
    });

    test('counts its lag in moves, even after a trim that makes the lag reported by Redis wrong', async () => {
      const truth: Truth = new Map([[ACME, 0]]);
      const runtime = start(truth);
      await attached();
      await add(nthMove(ACME, 1));
      await until('the first applied', () => runtime.applied.length === 1);
      await runtime.consumer.stop();
      const held = Promise.withResolvers<void>();
      stand.defer(() => held.resolve());
      const slow = start(truth, { apply: () => held.promise, position: async () => ({ seq: 1 }) });
      await add(...moves(ACME, 2, 11));
      await stand.client.xTrim(STREAM, 'MAXLEN', 3);
      const lag = await eventually(
        async () => {
          const [one] = await slow.consumer.lag();
          return one?.latest === 11 && one;
        },
        { what: 'the latest number' },
      );
      expect(lag).toMatchObject({ tenant: ACME, latest: 11 });
      expect(await slow.consumer.lag(new Map([[ACME, 40]]))).toMatchObject([{ tenant: ACME, latest: 40 }]);
    });
  },
);
