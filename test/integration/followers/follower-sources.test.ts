import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { type MoveEvent, moveEvent } from '../../../packages/protocol/moves/move-event.ts';
import type { MoveHint } from '../../../packages/client/follower/hints/move-hints.ts';
import { redisMoveStream } from '../../../services/redis/move-stream.ts';
import { tailMoves } from '../../../packages/client/redis/move-tail.ts';
import { startRedis } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { followedWorld } from '../../support/worlds/followed-world.ts';
import { artifactOf } from '../../support/data/published-files.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const world = followedWorld();
const silent = pino({ level: 'silent' });
const ONE = { 'a.json': '{"n":1}' };
const TWO = { 'a.json': '{"n":2}' };

/** Creates the event that the real move to that generation would send, with the fields in `over` replaced. */
function eventOf(
  generation: number,
  digest: string,
  over: Partial<Parameters<typeof moveEvent>[0]> = {},
): MoveEvent {
  const { tenant } = world;
  const place = { tenant, bundle: 'bot', channel: 'live', generation, seq: generation };
  const movedAt = '2026-01-02T03:04:05.678Z';
  return moveEvent({ ...place, from: null, to: { version: generation, digest }, movedAt, ...over });
}

/** A source that yields the events that a test passes to it. */
function handFed() {
  const waiting: MoveHint[] = [];
  let wake = (): void => {};
  async function* source(signal: AbortSignal): AsyncGenerator<MoveHint> {
    signal.addEventListener('abort', () => wake());
    while (!signal.aborted) {
      const hint = waiting.shift();
      if (hint !== undefined) yield hint;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const emit = (event: unknown): void => {
    waiting.push({ kind: 'moved', event: event as MoveEvent });
    wake();
  };
  return { source, emit };
}

describe('a follower with a custom source of events', () => {
  test('moves to the release of a genuine event, and ignores repeated and out-of-order events', async () => {
    const { source, emit } = handFed();
    const one = await world.publish(ONE);
    const follower = await world.follow({ source });
    const two = await world.publish(TWO);
    emit(eventOf(2, two));
    await world.at(follower, 2);
    for (const event of [eventOf(2, two), eventOf(1, one), eventOf(2, two)]) emit(event);
    await eventually(async () => follower.status().ignored.older === 1, { what: 'every event has arrived' });
    expect(follower.current.generation).toBe(2);
  });

  test('ignores a false or malformed event and an event of another pointer, and counts each by its reason', async () => {
    const { source, emit } = handFed();
    await world.publish(ONE);
    const follower = await world.follow({ source });
    await eventually(async () => follower.status().acknowledged === 1, { what: 'it has begun' });
    const stored = artifactOf(ONE).digest;
    const ignored = (of: object) =>
      eventually(async () => JSON.stringify(follower.status().ignored) === JSON.stringify(of), {
        what: JSON.stringify(of),
      });
    const none = { older: 0, garbage: 0, elsewhere: 0, false: 0 };
    emit(eventOf(99, stored));
    await ignored({ ...none, false: 1 });
    emit(eventOf(2, digestOf('never stored')));
    await ignored({ ...none, false: 2 });
    const garbage = [
      null,
      'moved',
      {},
      { ...eventOf(2, stored), id: 'x' },
      { ...eventOf(2, stored), data: { x: 1 } },
    ];
    for (const event of garbage) emit(event);
    for (const over of [{ tenant: 'other' }, { bundle: 'other' }, { channel: 'other' }])
      emit(eventOf(2, stored, over));
    await ignored({ ...none, garbage: 5, elsewhere: 3, false: 2 });
    expect([follower.current.generation, follower.status().wanted]).toEqual([1, null]);
    await world.publish(TWO);
    emit(eventOf(2, stored));
    await world.at(follower, 2);
    expect(follower.current.json('a.json')).toEqual({ n: 2 });
  });

  test('serves its release although its source throws, and closes although its source does not end', async () => {
    await world.publish(ONE);
    const broken = await world.follow({
      source: () => {
        throw new Error('no broker here');
      },
    });
    await eventually(async () => broken.status().problems.source === 'no broker here', {
      what: 'the status has the problem',
    });
    expect(broken.current.generation).toBe(1);
    const deaf = await world.follow({
      source: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }),
    });
    await deaf.close();
    expect(deaf.status().transport).toBe('closed');
  });
});

describe.skipIf(skipWithout('followers by Redis', ['redis-server']))(
  'a follower with Redis as its source',
  () => {
    test('follows moves across a Redis that is killed and restarted', async () => {
      const redis = await startRedis();
      const sink = redisMoveStream({ url: redis.url, log: silent, cache: null });
      let position: string | null = null;
      const send = async (event: MoveEvent): Promise<void> => {
        const batch = {
          tenant: world.tenant,
          events: [event],
          atMs: Date.now(),
          mustBeDelivered: () => false,
        };
        await eventually(
          async () => {
            const sent = await sink.send({ ...batch, position });
            position = sent.position;
            return sent.count === 1;
          },
          { what: 'Redis has the move' },
        );
      };
      try {
        await send(eventOf(1, await world.publish(ONE)));
        const pointers = [{ tenant: world.tenant, bundle: 'bot', channel: 'live' }];
        const follower = await world.follow({
          source: (signal) => tailMoves({ url: redis.url, pointers, signal, log: silent }),
        });
        await send(eventOf(2, await world.publish(TWO)));
        await world.at(follower, 2);
        await redis.kill();
        const three = await world.publish(ONE);
        expect(follower.current.json('a.json')).toEqual({ n: 2 });
        await redis.restart();
        await send(eventOf(3, three));
        await world.at(follower, 3);
        expect(follower.status().ignored.false).toBe(0);
      } finally {
        await sink.close();
        await redis.stop();
      }
    });
  },
);
