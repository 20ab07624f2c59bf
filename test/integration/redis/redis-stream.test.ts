import { pino } from 'pino';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { feedLimits } from '../../../packages/protocol/limits.ts';
import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { moveStream } from '../../../packages/protocol/sinks/sink.ts';
import { redisMoveStream } from '../../../services/redis/move-stream.ts';
import type { Batch, Sent, SinkTarget } from '../../../services/sinks/target.ts';
import { startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { moves, neighbours, nthMove } from '../../support/data/move-events.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const log = pino({ level: 'silent' });
const AT = Date.parse('2026-03-01T00:00:00Z');
const STREAM = moveStream('acme');

describe.skipIf(skipWithout('the Redis streams of moves', ['redis-server']))(
  'moves in a Redis stream',
  () => {
    let broker: TestBroker;
    let client: ReturnType<typeof createClient>;
    let target: SinkTarget;

    beforeAll(async () => {
      broker = await startRedis();
      client = createClient({ url: broker.url });
      client.on('error', () => undefined);
      await client.connect();
      target = redisMoveStream({ url: broker.url, log, cache: null });
    });

    afterEach(async () => {
      await client.flushAll();
    });

    afterAll(async () => {
      await target.close();
      client.destroy();
      await broker.stop();
    });

    const batch = (events: readonly MoveEvent[], position: string | null, atMs = AT): Batch => ({
      tenant: events[0]?.data.tenant ?? 'acme',
      events,
      atMs,
      position,
      mustBeDelivered: () => false,
    });
    const send = (events: readonly MoveEvent[], position: string | null, atMs = AT): Promise<Sent> =>
      target.send(batch(events, position, atMs));
    const entries = async (stream = STREAM): Promise<[string, string][]> =>
      ((await client.xRange(stream, '-', '+')) ?? []).map(({ id, message }) => [
        id,
        (JSON.parse(message['event'] ?? '{}') as MoveEvent).id,
      ]);
    const all = (count: number, position: string): Sent => ({ count, position, stopped: null });

    test('are stored as JSON under an entry id that follows from the time and the position of the writer', async () => {
      expect(await send(moves('acme', 1, 2), null)).toEqual(all(2, `${AT}-1`));
      expect(await send(moves('acme', 3, 3), `${AT}-1`, AT + 5)).toEqual(all(1, `${AT + 5}-0`));
      expect(await entries()).toEqual([
        [`${AT}-0`, 'acme:support-bot:live:1'],
        [`${AT}-1`, 'acme:support-bot:live:2'],
        [`${AT + 5}-0`, 'acme:support-bot:live:3'],
      ]);
      const [first] = (await client.xRange(STREAM, '-', '+', { COUNT: 1 })) ?? [];
      expect(JSON.parse(first?.message['event'] ?? '')).toEqual(nthMove('acme', 1));
      expect(Object.keys(first?.message ?? {})).toEqual(['event']);
    });

    test('get increasing entry ids even if the clock goes back', async () => {
      await send(moves('acme', 1, 1), null);
      expect(await send(moves('acme', 2, 3), `${AT}-0`, AT - 3_600_000)).toEqual(all(2, `${AT}-2`));
    });

    test('are appended once when their batch is repeated with more events', async () => {
      await send(moves('acme', 1, 3), null);
      expect(await send(moves('acme', 1, 3), null)).toEqual(all(3, `${AT}-2`));
      expect(await send(moves('acme', 1, 5), null)).toEqual(all(5, `${AT}-4`));
      // A late repetition with only some of the events that the stream already contains.
      expect(await send(moves('acme', 1, 2), null)).toMatchObject({ count: 2, stopped: null });
      expect((await entries()).map(([, event]) => event)).toEqual(moves('acme', 1, 5).map(({ id }) => id));
    });

    test('that were trimmed after they were appended are not appended again', async () => {
      await send(moves('acme', 1, 2), null);
      await send(moves('acme', 3, 4), `${AT}-1`, AT + 1);
      await client.xTrim(STREAM, 'MAXLEN', 0);
      expect(await send(moves('acme', 3, 4), `${AT}-1`, AT + 1)).toEqual(all(2, `${AT + 1}-1`));
      expect(await send(moves('acme', 3, 5), `${AT}-1`, AT + 1)).toEqual(all(3, `${AT + 1}-2`));
      expect((await entries()).map(([, event]) => event)).toEqual(['acme:support-bot:live:5']);
    });

    test('from a writer that has lost its position are appended after the last entry, and repeating them appends nothing', async () => {
      const [one = '', two = ''] = neighbours(2);
      await send(moves(one, 1, 3), null, AT);
      // Entries at this time would get ids between those of the other tenant's entries. The clock has also gone back.
      const answer = all(2, `${AT}-4`);
      expect(await send(moves(two, 1, 2), null, AT)).toEqual(answer);
      expect(await send(moves(two, 1, 2), null, AT)).toEqual(answer);
      expect(await send(moves(two, 3, 3), null, AT - 9_000)).toEqual(all(1, `${AT}-5`));
      expect(await send(moves(two, 3, 4), null, AT - 9_000)).toEqual(all(2, `${AT}-6`));
      expect((await entries()).map(([, event]) => event)).toEqual(
        [...moves(one, 1, 3), ...moves(two, 1, 4)].map(({ id }) => id),
      );
    });

    test('from a writer with an invalid position are appended as if the position were lost', async () => {
      await send(moves('acme', 1, 1), null);
      expect(await send(moves('acme', 2, 2), 'garbage', AT - 1)).toEqual(all(1, `${AT}-1`));
    });

    test('continue at the position of their writer when the stream has lost its entries', async () => {
      await send(moves('acme', 1, 2), null);
      await send(moves('acme', 3, 4), `${AT}-1`, AT + 1);
      await client.xTrim(STREAM, 'MAXLEN', 0);
      await client.del(STREAM);
      await send(moves('acme', 5, 5), `${AT + 1}-1`, AT + 2);
      await send(moves('acme', 5, 6), `${AT + 1}-1`, AT + 2);
      expect(await entries()).toEqual([
        [`${AT + 2}-0`, 'acme:support-bot:live:5'],
        [`${AT + 2}-1`, 'acme:support-bot:live:6'],
      ]);
    });

    test('older than the retention are trimmed, and so are entries above the maximum length', async () => {
      await client.xAdd(STREAM, `${AT - feedLimits.retentionMs - 1}-0`, { event: 'old' });
      const many = client.multi();
      for (let n = 1; n <= 200; n++)
        many.xAdd(STREAM, `${AT - feedLimits.retentionMs - 1}-${n}`, { event: 'old' });
      await many.exec();
      await send(moves('acme', 1, 1), null);
      // With approximate trimming, Redis removes only whole nodes of the stream, so some old entries may remain.
      expect(await client.xLen(STREAM)).toBeLessThanOrEqual(102);

      const filler = client.multi();
      for (let n = 1; n <= feedLimits.streamEntries + 500; n++)
        filler.xAdd(STREAM, `${AT}-${n}`, { event: 'x' });
      await filler.exec();
      await send(moves('acme', 2, 2), `${AT}-${feedLimits.streamEntries + 500}`, AT + 1);
      expect(await client.xLen(STREAM)).toBeLessThan(feedLimits.streamEntries + 200);
    });

    test('that Redis refuses leave no entry behind, get a reason without host names, and are appended once Redis accepts writes again', async () => {
      const events = moves('acme', 1, 400);
      const refused = async (reason: string): Promise<void> => {
        expect(await send(events, null)).toEqual({
          count: 0,
          position: null,
          stopped: { kind: 'later', reason, retryAfterMs: null },
        });
      };
      await client.set(STREAM, 'no stream');
      await refused('Redis: a key that should be a stream has another type');
      await client.del(STREAM);

      const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
      await client.configSet('maxmemory', String(used - 100_000));
      await refused('Redis: it is out of memory and does not evict keys');
      expect(await target.probe()).toEqual({
        kind: 'down',
        reason: 'Redis: it is out of memory and does not evict keys',
      });
      await client.configSet('maxmemory', '0');

      await client.replicaOf('127.0.0.1', 1);
      await refused('Redis: it is a replica, which accepts no writes');
      expect(await target.probe()).toMatchObject({ kind: 'down' });
      await client.sendCommand(['REPLICAOF', 'NO', 'ONE']);

      await client.configSet('min-replicas-to-write', '1');
      await refused('Redis: it has fewer replicas than it requires for writes');
      expect(await target.probe()).toMatchObject({ kind: 'down' });
      await client.configSet('min-replicas-to-write', '0');

      expect(await client.exists(STREAM)).toBe(0);
      expect(await target.probe()).toEqual({ kind: 'well' });
      expect(await client.exists('pointsman:moves:probe')).toBe(0);
      expect(await send(events, null)).toMatchObject({ count: 400, stopped: null });
    });

    test('are refused with a login error that does not name the user', async () => {
      await client.configSet('requirepass', 'sesame');
      const other = redisMoveStream({ url: broker.url, log, cache: null });
      const wrong = redisMoveStream({
        url: broker.url.replace('redis://', 'redis://somebody:secret@'),
        log,
        cache: null,
      });
      try {
        expect(await other.probe()).toEqual({
          kind: 'down',
          reason: 'Redis: it requires a password, and none is set',
        });
        const sent = await wrong.send(batch(moves('acme', 1, 1), null));
        expect(sent.stopped).toMatchObject({ kind: 'later', reason: 'Redis: it rejected the password' });
      } finally {
        await client.configSet('requirepass', '');
        await Promise.all([other.close(), wrong.close()]);
      }
    });

    test('cannot be appended after a forged entry with the highest possible id, and the result is "later"', async () => {
      await client.xAdd(STREAM, '18446744073709551615-18446744073709551615', { event: 'forged' });
      const sent = await send(moves('acme', 1, 1), null);
      expect(sent).toMatchObject({ count: 0, stopped: { kind: 'later' } });
    });
  },
);
