import { createClient } from 'redis';

import { feedLimits } from '../../packages/protocol/limits.ts';
import { sinkLimits } from '../../core/limits/distribution-limits.ts';
import { moveEvent } from '../../packages/protocol/moves/move-event.ts';
import { moveStream } from '../../packages/protocol/sinks/sink.ts';
import { listFeed } from '../../services/postgres/channels/feed.ts';
import { findSink } from '../../services/postgres/sinks/sinks.ts';
import { type ControlPlane, newTenant } from '../support/worlds/control-plane.ts';
import { deliveredTo, steer, twoReleases } from '../support/worlds/sink-world.ts';
import { standstill } from '../support/servers/standstill.ts';
import type { BenchRow } from './measure.ts';

const MOVES = 5_000;
const ROUNDS = 5;
const SINK = { sink: 'redis' } as const;

/**
 * Measures the rate at which a Redis sink delivers a backlog through Restate. The sink reads moves from PostgreSQL,
 * appends them to the stream and records its progress, in durable steps. The time runs from the request to replay
 * until the database records the last move as delivered. For comparison, a bare client appends the same entries from
 * memory.
 */
export async function benchBacklog(plane: ControlPlane, redisUrl: string): Promise<BenchRow[]> {
  const tenant = await newTenant(plane);
  await twoReleases(plane, tenant);
  await deliveredTo(plane, tenant, 2, SINK.sink);
  await moveBackAndForth(plane, tenant);
  const entries = await entriesOf(plane, tenant);
  const client = clientOf(redisUrl);
  await client.connect();
  const [ours, theirs]: [number[], number[]] = [[], []];
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const ourMs = await timed(() => replayed(plane, tenant));
      const theirMs = await timed(() => appended(client, 'bare', entries));
      await client.del('bare');
      const there = await client.xLen(moveStream(tenant));
      if (there < (round + 1) * MOVES) throw new Error(`${there} entries in round ${round}`);
      // The first round is a warm-up and is not counted.
      if (round === 0) continue;
      ours.push(ourMs);
      theirs.push(theirMs);
    }
  } finally {
    client.destroy();
  }
  const [measured, floor] = [perSecond(ours), perSecond(theirs)];
  return [
    {
      name: `a backlog of ${MOVES} moves, delivered by the sink through Restate`,
      measured: `${measured.toFixed(0)} moves/s`,
      floor: `${floor.toFixed(0)} moves/s by pipelines of ${sinkLimits.batchMoves} XADDs to the same Redis (appendfsync everysec)`,
      ratio: measured / floor,
      aim: 'at least 0.7',
    },
  ];
}

/**
 * Inserts the moves as swaps do, but all in one transaction. It sends no notification, so nothing delivers the
 * backlog before the first replay.
 */
async function moveBackAndForth(plane: ControlPlane, tenant: string): Promise<void> {
  await standstill(plane).sql(async (owner) => {
    await owner.query('SET search_path = pointsman');
    await owner.query('BEGIN');
    for (let n = 0; n < MOVES; n++) {
      await owner.query({
        name: 'move',
        text: `SELECT put_move(p, 'hand', a.version, a.digest, 'bench', 'bench', now())
          FROM lock_pointer($1, 'bundle', 'live') p
          JOIN releases a ON (a.tenant, a.bundle) = (p.tenant, p.bundle) AND a.version <> p.version AND a.version <= 2`,
        values: [tenant],
      });
    }
    await owner.query('UPDATE moves SET announced_at = now() WHERE tenant = $1 AND announced_at IS NULL', [
      tenant,
    ]);
    await owner.query('COMMIT');
  });
}

async function entriesOf({ db }: ControlPlane, tenant: string): Promise<string[]> {
  const moves = await listFeed(db, tenant, { after: 2, limit: MOVES });
  return moves.map((move) => JSON.stringify(moveEvent(move)));
}

async function replayed(plane: ControlPlane, tenant: string): Promise<void> {
  const answer = await steer(plane, tenant, { kind: 'replay', after: 2 }, SINK);
  if (answer.kind !== 'done') throw new Error(answer.kind);
  for (;;) {
    const sink = await findSink(plane.db, tenant, SINK.sink);
    if (sink?.deliveredSeq === MOVES + 2) return;
  }
}

function clientOf(url: string) {
  return createClient({ url });
}

async function appended(
  client: ReturnType<typeof clientOf>,
  stream: string,
  entries: readonly string[],
): Promise<void> {
  const TRIM = { strategy: 'MAXLEN', strategyModifier: '~', threshold: feedLimits.streamEntries } as const;
  for (let from = 0; from < entries.length; from += sinkLimits.batchMoves) {
    const batch = entries.slice(from, from + sinkLimits.batchMoves);
    await Promise.all(
      batch.map((event, n) => client.xAdd(stream, '*', { event }, n === batch.length - 1 ? { TRIM } : {})),
    );
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function perSecond(tookMs: readonly number[]): number {
  return (tookMs.length * MOVES * 1_000) / tookMs.reduce((sum, ms) => sum + ms, 0);
}
