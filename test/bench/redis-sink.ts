import { pino } from 'pino';
import { createClient } from 'redis';

import { feedLimits } from '../../packages/protocol/limits.ts';
import { sinkLimits } from '../../core/limits/distribution-limits.ts';
import { moveStream } from '../../packages/protocol/sinks/sink.ts';
import { redisMoveStream } from '../../services/redis/move-stream.ts';
import { startRedis } from '../support/servers/brokers.ts';
import { moves } from '../support/data/move-events.ts';
import type { BenchRow } from './measure.ts';

const BATCHES = 20;
const ROUNDS = 3;
const TENANT = 'acme';
const STREAM = moveStream(TENANT);

/**
 * Measures the moves per second that the sink's target appends to a stream. For comparison, a bare client pipelines
 * XADD commands with the same entries to the same Redis.
 */
export async function benchRedisStream(): Promise<BenchRow[]> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const client = createClient({ url: redis.url });
  await client.connect();
  const target = redisMoveStream({ url: redis.url, log: pino({ level: 'silent' }), cache: null });
  const perBatch = sinkLimits.batchMoves;
  const batches = Array.from({ length: BATCHES }, (_none, n) =>
    moves(TENANT, n * perBatch + 1, (n + 1) * perBatch),
  );

  const ours = async (): Promise<void> => {
    let position: string | null = null;
    for (const events of batches) {
      const sent = await target.send({
        tenant: TENANT,
        events,
        atMs: Date.now(),
        position,
        mustBeDelivered: () => false,
      });
      if (sent.stopped !== null) throw new Error(sent.stopped.reason);
      ({ position } = sent);
    }
  };
  // Trims the stream with the last entry of each batch, as our target does.
  const bare = async (): Promise<void> => {
    const TRIM = { strategy: 'MAXLEN', strategyModifier: '~', threshold: feedLimits.streamEntries } as const;
    for (const events of batches) {
      await Promise.all(
        events.map((event, n) =>
          client.xAdd(STREAM, '*', { event: JSON.stringify(event) }, n === events.length - 1 ? { TRIM } : {}),
        ),
      );
    }
  };
  const timed = async (work: () => Promise<void>): Promise<number> => {
    await client.flushAll();
    const began = performance.now();
    await work();
    return (BATCHES * perBatch * 1_000) / (performance.now() - began);
  };

  try {
    const rows: BenchRow[] = [];
    for (const fsync of ['everysec', 'always']) {
      await client.configSet('appendfsync', fsync);
      const [own, floor]: [number[], number[]] = [[], []];
      // The first round is a warm-up. In the later rounds both take turns, so that the load of the machine affects
      // both alike.
      for (let round = 0; round <= ROUNDS; round++) {
        const rates = [await timed(ours), await timed(bare)] as const;
        if (round === 0) continue;
        own.push(rates[0]);
        floor.push(rates[1]);
      }
      rows.push({
        name: `Redis stream, ${perBatch} moves a batch, appendfsync ${fsync}`,
        measured: `${Math.round(median(own))} moves/s`,
        floor: `${Math.round(median(floor))} moves/s by a pipeline of XADD`,
        ratio: median(own) / median(floor),
        aim: 'at least 0.7',
      });
    }
    return rows;
  } finally {
    await target.close();
    client.destroy();
    await redis.stop();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
