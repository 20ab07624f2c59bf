import fc from 'fast-check';
import { pino } from 'pino';
import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { moveStream, StreamLayout } from '../../../packages/protocol/sinks/sink.ts';
import { redisMoveStream } from '../../../services/redis/move-stream.ts';
import type { Batch, Sent, SinkTarget } from '../../../services/sinks/target.ts';
import { startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { moves, neighbours } from '../../support/data/move-events.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const AT = Date.parse('2026-03-01T00:00:00Z');
const TENANTS = neighbours(3);

function batch(events: readonly MoveEvent[], position: string | null, atMs: number): Batch {
  const tenant = events[0]?.data.tenant ?? '';
  return { tenant, events, atMs, position, mustBeDelivered: () => false };
}

/**
 * What happens to a batch: it is stored and confirmed, stored without a confirmation, or lost before it reaches
 * Redis.
 */
type Fate = 'answered' | 'unanswered' | 'never_arrived';

/**
 * Writes a stream as the Sink object does, with the same state. It repeats an unfinished batch, with newer moves
 * added at its end.
 */
class Writer {
  readonly tries: Batch[] = [];
  /** The number of batches that were repeated after batches of other tenants had ended in between. */
  interleaved = 0;
  private readonly begun = new Map<string, Batch>();
  private readonly ended = new Map<string, number>();
  private position: string | null = null;

  private readonly target: SinkTarget;

  constructor(target: SinkTarget) {
    this.target = target;
  }

  endedAt(tenant: string): number {
    return this.ended.get(tenant) ?? 0;
  }

  /** Sends the unfinished moves of a tenant again, if there are any, and `count` newer ones. */
  async tell(tenant: string, count: number, { fate, atMs }: { fate: Fate; atMs: number }): Promise<void> {
    const from = this.endedAt(tenant);
    const before = this.begun.get(tenant);
    const events = moves(tenant, from + 1, from + (before?.events.length ?? 0) + count);
    const next: Batch = { ...(before ?? batch(events, this.position, atMs)), events };
    if (before === undefined) this.position = null;
    else if (this.position !== null) this.interleaved++;
    this.begun.set(tenant, next);
    this.tries.push(next);
    if (fate === 'never_arrived') return;
    const sent: Sent = await this.target.send(next);
    expect(sent).toMatchObject({ count: events.length, stopped: null });
    if (fate === 'unanswered') return;
    this.begun.delete(tenant);
    this.ended.set(tenant, from + events.length);
    this.position = sent.position;
  }
}

describe
  .skipIf(skipWithout('repeated moves to the Redis streams', ['redis-server']))
  .each(StreamLayout.options)('repeated moves in the Redis streams with layout %s', (layout) => {
  let broker: TestBroker;
  let client: ReturnType<typeof createClient>;
  let target: SinkTarget;

  beforeAll(async () => {
    broker = await startRedis();
    client = createClient({ url: broker.url });
    client.on('error', () => undefined);
    await client.connect();
    target = redisMoveStream({ url: broker.url, log: pino({ level: 'silent' }), cache: null, layout });
  });
  beforeEach(async () => {
    await client.flushAll();
  });
  afterAll(async () => {
    await target.close();
    client.destroy();
    await broker.stop();
  });

  /** Reads the events of all streams, one stream after the other. */
  const there = async (): Promise<string[]> => {
    const streams = [...new Set(TENANTS.map((tenant) => moveStream(tenant, layout)))];
    const entries = await Promise.all(streams.map((stream) => client.xRange(stream, '-', '+')));
    return entries
      .flatMap((some) => some ?? [])
      .map(({ message }) => (JSON.parse(message['event'] ?? '{}') as MoveEvent).id);
  };
  /** The events that the streams must contain when each event was stored exactly once and in order. */
  const ordered = (events: readonly string[]): readonly string[] =>
    layout === 'shared'
      ? events
      : TENANTS.flatMap((tenant) => events.filter((event) => event.startsWith(`${tenant}:`)));

  test('are stored once and in order, under any repetitions, delays, lost positions and clock changes', async () => {
    const step = fc.record({
      tenant: fc.nat({ max: 2 }),
      count: fc.integer({ min: 1, max: 5 }),
      lost: fc.nat({ max: 2 }),
      longer: fc.nat({ max: 3 }),
      clock: fc.integer({ min: -3, max: 3 }),
      forgets: fc.boolean(),
      late: fc.boolean(),
    });
    let adopted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        await client.flushAll();
        const seqs = new Map(TENANTS.map((tenant) => [tenant, 0]));
        const expected: string[] = [];
        let position: string | null = null;
        let late: Batch | null = null;
        for (const { tenant: nth, count, lost, longer, clock, forgets, late: comesLate } of steps) {
          const tenant = TENANTS[nth] ?? '';
          const seq = seqs.get(tenant) ?? 0;
          if (forgets) position = null;
          const whole = moves(tenant, seq + 1, seq + count + longer);
          const first = batch(whole.slice(0, count), position, AT + clock);
          for (let n = 0; n < lost; n++) await target.send(first);
          const sent = await target.send(batch(whole, position, AT + clock));
          expect(sent).toMatchObject({ count: whole.length, stopped: null });
          if (position === null && expected.length > 0) adopted++;
          // Simulates a worker that is wrongly considered dead: it repeats its last batch after its successor has
          // continued.
          if (late !== null) await target.send(late);
          late = comesLate && position !== null ? first : null;
          ({ position } = sent);
          seqs.set(tenant, seq + whole.length);
          expected.push(...whole.map(({ id }) => id));
        }
        expect(await there()).toEqual(ordered(expected));
      }),
      { numRuns: 150 },
    );
    expect(adopted).toBeGreaterThan(20);
  });

  test('are stored once and in order for each tenant, even if attempts get no response while other tenants continue, and repetitions arrive late', async () => {
    const step = fc.record({
      tenant: fc.constantFrom(...TENANTS),
      count: fc.integer({ min: 1, max: 5 }),
      fate: fc.constantFrom<Fate>('answered', 'unanswered', 'never_arrived'),
      clock: fc.integer({ min: -3, max: 3 }),
      lateHand: fc.option(fc.nat({ max: 20 })),
    });
    let interleaved = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 16 }), async (steps) => {
        await client.flushAll();
        const writer = new Writer(target);
        for (const { tenant, count, fate, clock, lateHand } of steps) {
          await writer.tell(tenant, count, { fate, atMs: AT + clock });
          const late = lateHand === null ? undefined : writer.tries[lateHand];
          if (late !== undefined) await target.send(late);
        }
        for (const tenant of TENANTS) await writer.tell(tenant, 1, { fate: 'answered', atMs: AT });
        interleaved += writer.interleaved;
        const all = await there();
        for (const tenant of TENANTS) {
          expect(all.filter((event) => event.startsWith(`${tenant}:`))).toEqual(
            moves(tenant, 1, writer.endedAt(tenant)).map(({ id }) => id),
          );
        }
      }),
      { numRuns: 200 },
    );
    expect(interleaved).toBeGreaterThan(50);
  });
});
