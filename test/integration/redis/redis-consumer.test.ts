import { describe, expect, test } from 'vitest';
import { feedLimits } from '../../../packages/protocol/limits.ts';
import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { moveStream, partitionOf } from '../../../packages/protocol/sinks/sink.ts';
import { SINK_TEST } from '../../../packages/protocol/moves/sink-event.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { moves, neighbours, nthMove } from '../../support/data/move-events.ts';
import { consumerStand } from '../../support/worlds/redis-consumer-stand.ts';
import type { Truth } from '../../support/servers/stream-runtime.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const [ACME = '', GLOBEX = ''] = neighbours(2);
const [ELSEWHERE = ''] = neighbours(1, (partitionOf(ACME) + 1) % feedLimits.partitions);
const STREAM = moveStream(ACME);
const GROUP = 'runtimes';
const ids = (events: readonly MoveEvent[]): string[] => events.map(({ id }) => id);

describe.skipIf(skipWithout('consumers of the Redis streams', ['redis-server']))(
  'a consumer of moves in Redis',
  () => {
    const stand = consumerStand(ACME, GROUP);
    const { start, add, raw, attached, until, pending, nonePending } = stand;

    test('applies each move in order, and acknowledges it only afterwards', async () => {
      const held = Promise.withResolvers<void>();
      const runtime = start(new Map([[ACME, 0]]), {
        apply: ({ data }) => (data.seq === 2 ? held.promise : Promise.resolve()),
      });
      await attached();
      await add(...moves(ACME, 1, 3));
      await until('the first one applied', () => runtime.applied.length === 1);
      await eventually(async () => (await pending()) > 0, { what: 'the second one unacknowledged' });
      expect(runtime.applied).toHaveLength(1);
      held.resolve();
      await until('all applied', () => runtime.applied.length === 3);
      await nonePending();
      expect(runtime.applied).toEqual(ids(moves(ACME, 1, 3)));
      expect(runtime.consumer.counts()).toMatchObject({ applied: 3, rejected: 0, failed: 0 });
    });

    test('drops duplicates, and does not apply an older generation of a pointer', async () => {
      const runtime = start(new Map([[ACME, 0]]));
      await attached();
      await add(
        ...moves(ACME, 1, 3),
        ...moves(ACME, 1, 3),
        nthMove(ACME, 4, { generation: 2 }),
        nthMove(ACME, 5),
      );
      await until('the last one applied', () => runtime.applied.includes(nthMove(ACME, 5).id));
      expect(runtime.applied).toEqual(ids([...moves(ACME, 1, 3), nthMove(ACME, 5)]));
      expect(runtime.consumer.counts()).toMatchObject({ duplicates: 3, rejected: 1 });
      expect(runtime.rejected).toMatchObject([{ stream: STREAM, why: 'stale' }]);
      await nonePending();
    });

    test('counts, reports and acknowledges invalid entries without applying them, and skips a test event', async () => {
      const runtime = start(new Map([[ACME, 0]]));
      await attached();
      const move = nthMove(ACME, 1);
      await raw({ other: 'field' });
      await raw({ event: 'no json' });
      await raw({ event: '{"type":"something.else"}' });
      await raw({ event: JSON.stringify({ ...move, extra: 'x'.repeat(20_000) }) });
      await raw({ event: JSON.stringify({ ...move, subject: `${GLOBEX}/support-bot/live` }) });
      await raw({ event: JSON.stringify({ ...move, id: `${GLOBEX}:support-bot:live:1` }) });
      await raw({ event: JSON.stringify(nthMove(ELSEWHERE, 1)) });
      await raw({ event: JSON.stringify(nthMove(ACME, 900)) });
      await raw({
        event: JSON.stringify({ ...move, type: SINK_TEST, data: { tenant: ACME, sink: 'redis' } }),
      });
      await add(move);
      await until('the one true move applied', () => runtime.applied.length === 1);
      expect(runtime.rejected.map(({ why }) => why)).toEqual([
        'no_event',
        'not_json',
        'not_an_event',
        'too_large',
        'contradicts_itself',
        'contradicts_itself',
        'contradicts_itself',
        'ahead',
      ]);
      expect(runtime.applied).toEqual([move.id]);
      expect(runtime.consumer.counts()).toMatchObject({ tests: 1, rejected: 8 });
      await nonePending();
    });

    test('takes a snapshot at a gap in the sequence numbers of a tenant, and applies only the moves after it', async () => {
      const truth: Truth = new Map([[ACME, 0]]);
      const runtime = start(truth);
      await attached();
      await add(nthMove(ACME, 1));
      await until('the first applied', () => runtime.applied.length === 1);
      const before = runtime.snapshots.length;
      truth.set(ACME, 5);
      await add(nthMove(ACME, 4), nthMove(ACME, 5), nthMove(ACME, 6));
      await until('the last applied', () => runtime.applied.includes(nthMove(ACME, 6).id));
      expect(runtime.applied).toEqual(ids([nthMove(ACME, 1), nthMove(ACME, 6)]));
      expect(runtime.snapshots.slice(before)).toEqual([ACME]);
    });

    test('takes a snapshot of every tenant of the stream when unread entries were trimmed, even of a tenant without a remaining entry', async () => {
      const truth: Truth = new Map([
        [ACME, 0],
        [GLOBEX, 0],
      ]);
      const first = start(truth);
      await attached();
      await add(nthMove(ACME, 1), nthMove(GLOBEX, 1));
      await until('both applied', () => first.applied.length === 2);
      await first.consumer.stop();
      await add(nthMove(GLOBEX, 2), ...moves(ACME, 2, 5));
      truth.set(ACME, 5).set(GLOBEX, 2);
      await stand.client.xTrim(STREAM, 'MAXLEN', 1);

      // The second consumer starts where the first one stopped, because the application has stored the position.
      const second = start(truth, { position: async () => ({ seq: 1 }) });
      await until('both brought up to date', () => second.snapshots.length >= 2);
      await nonePending();
      expect(new Set(second.snapshots)).toEqual(new Set([ACME, GLOBEX]));
      await add(nthMove(GLOBEX, 3));
      await until('the next one applied', () => second.applied.length === 1);
      expect(second.applied).toEqual([nthMove(GLOBEX, 3).id]);
    });

    test('takes a snapshot when an unread entry is trimmed while the consumer applies an earlier one', async () => {
      const truth: Truth = new Map([
        [ACME, 0],
        [GLOBEX, 0],
      ]);
      const held = Promise.withResolvers<void>();
      const runtime = start(truth, {
        apply: ({ data }) => (data.seq === 1 ? held.promise : Promise.resolve()),
      });
      await attached();
      const before = runtime.snapshots.length;
      await add(nthMove(ACME, 1));
      await eventually(async () => (await pending()) === 1, { what: 'the first one in the handler' });
      await add(nthMove(GLOBEX, 1), nthMove(ACME, 2));
      truth.set(ACME, 2).set(GLOBEX, 1);
      await stand.client.xTrim(STREAM, 'MAXLEN', 1);
      held.resolve();
      await until('both brought up to date', () => runtime.snapshots.length >= before + 2);
      await nonePending();
      expect(new Set(runtime.snapshots.slice(before))).toEqual(new Set([ACME, GLOBEX]));
    });

    test('takes over the entries of a dead consumer, and takes a snapshot for trimmed entries', async () => {
      const truth: Truth = new Map([[ACME, 0]]);
      await stand.client.xGroupCreate(STREAM, GROUP, '0', { MKSTREAM: true });
      await add(...moves(ACME, 1, 4));
      await stand.client.xReadGroup(GROUP, 'dead', { key: STREAM, id: '>' }, { COUNT: 3 });
      const timings = { claimIdleMs: 1, claimEveryMs: 20 };
      const runtime = start(truth, { timings });
      await until('all applied', () => runtime.applied.length === 4);
      expect(runtime.applied).toEqual(ids(moves(ACME, 1, 4)));
      expect(runtime.consumer.counts().reclaimed).toBeGreaterThanOrEqual(3);
      await nonePending();
      await runtime.consumer.stop();

      await add(nthMove(ACME, 5), nthMove(ACME, 6));
      await stand.client.xReadGroup(GROUP, 'dead', { key: STREAM, id: '>' }, { COUNT: 2 });
      truth.set(ACME, 6);
      await stand.client.xTrim(STREAM, 'MAXLEN', 0);
      const next = start(truth, { timings, position: async () => ({ seq: 4 }) });
      await until('a snapshot', () => next.snapshots.length > 0);
      await nonePending();
      await add(nthMove(ACME, 7));
      await until('the next one applied', () => next.applied.length === 1);
    });
  },
);
