import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import type { PointerId } from '../../packages/protocol/identifiers.ts';
import { newWebhookSecret } from '../../packages/protocol/webhooks/webhook-secret.ts';
import { type ControlPlane, newTenant } from '../support/worlds/control-plane.ts';
import { eventually } from '../support/runs/eventually.ts';
import { type ApiProcess, tenantToken } from '../support/processes/api-process.ts';
import { startFleet, type Transport } from './fleet.ts';
import { type BenchRow, latencies, Series } from './measure.ts';
import { ourPublish } from './publish.ts';

const FOLLOWERS = 1_000;
const ROUNDS = 10;

export interface BrokerUrls {
  readonly redis: string | null;
  readonly rabbitmq: string | null;
}

/**
 * Measures the time from a swap until each of 1,000 followers in one other process runs the verified bundle, for each
 * transport. The time begins at `moves.moved_at`. The worker reads it from this machine's clock just before the
 * transaction of the swap, so the commit is included.
 */
export async function benchFollowers(
  plane: ControlPlane,
  api: ApiProcess,
  brokers: BrokerUrls,
): Promise<BenchRow[]> {
  const { redis, rabbitmq } = brokers;
  const transports: [string, number, Transport | null][] = [
    ['server-sent events, a stream each', 80, 'server-sent-events'],
    ['long-poll, a request each', 150, 'long-poll'],
    ['Redis, one tail for all', 70, redis === null ? null : { kind: 'redis', url: redis }],
    ['RabbitMQ, one tail for all', 70, rabbitmq === null ? null : { kind: 'rabbitmq', url: rabbitmq }],
    ['webhooks, one receiver for all', 100, { kind: 'webhook', secret: newWebhookSecret() }],
  ];
  const rows: BenchRow[] = [];
  for (const [how, aimMs, transport] of transports) {
    const name = `swap → ${FOLLOWERS} followers of one process run the bundle; told by ${how}`;
    rows.push(
      transport === null
        ? { name, measured: 'not measured: there is no such broker on this machine' }
        : rowOf(name, aimMs, await measured(plane, api, transport)),
    );
  }
  return rows;
}

interface Arrivals {
  readonly followers: Series;
  /** The time of the last follower, once per round. */
  readonly last: Series;
}

function rowOf(name: string, aimMs: number, { followers, last }: Arrivals): BenchRow {
  return {
    name: `${name} (${ROUNDS} rounds)`,
    measured: `${latencies(followers)} of the followers; the last of a round: p50 ${last.percentile(50).toFixed(1)} ms`,
    floor: `the bound of ${aimMs} ms`,
    ratio: followers.percentile(99) / aimMs,
    aim: 'p99 at most the bound',
  };
}

async function measured(plane: ControlPlane, api: ApiProcess, transport: Transport): Promise<Arrivals> {
  const tenant = await newTenant(plane);
  const pointer = { tenant, bundle: 'bundle', channel: 'live' };
  await ourPublish(plane, tenant);
  const token = await tenantToken(api, tenant, 'follower');
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-fleet-'));
  const options = { url: api.url, token, pointer, folder, count: FOLLOWERS, transport };
  const fleet = await startFleet(options, async (url) => {
    if (typeof transport === 'string' || transport.kind !== 'webhook') return;
    const { secret } = transport;
    await api.call('PUT', `/v1/tenants/${tenant}/sinks/fleet`, { webhook: { url, secret } });
  });
  const arrivals: Arrivals = { followers: new Series(), last: new Series() };
  try {
    // The first round is a warm-up. It also ends the acknowledgements that the followers send when they are opened.
    for (let generation = 2; generation <= ROUNDS + 2; generation++) {
      await allAcknowledged(plane, pointer, generation - 1);
      await ourPublish(plane, tenant);
      const times = await fleet.arrived(generation);
      if (generation === 2) continue;
      const movedAtMs = await movedAt(plane, pointer, generation);
      for (const atMs of times) arrivals.followers.add(atMs - movedAtMs);
      arrivals.last.add(Math.max(...times) - movedAtMs);
    }
  } finally {
    await fleet.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return arrivals;
}

const MovedAt = z.object({ moved_at: z.date() });

async function movedAt(
  { db }: ControlPlane,
  { tenant, bundle, channel }: PointerId,
  generation: number,
): Promise<number> {
  const rows = await db.call(
    tenant,
    'SELECT moved_at FROM moves WHERE tenant = $1 AND bundle = $2 AND channel = $3 AND generation = $4',
    [tenant, bundle, channel, generation],
  );
  return MovedAt.parse(rows[0]).moved_at.getTime();
}

/** Waits for the acknowledgements of the previous round, which would slow down the next round. */
async function allAcknowledged(
  { db }: ControlPlane,
  { tenant, bundle, channel }: PointerId,
  generation: number,
): Promise<void> {
  await eventually(
    async () => {
      const rows = await db.call(
        tenant,
        'SELECT count(*)::int AS n FROM followers WHERE tenant = $1 AND bundle = $2 AND channel = $3 AND generation = $4',
        [tenant, bundle, channel, generation],
      );
      return Number(rows[0]?.['n']) === FOLLOWERS;
    },
    { what: `${FOLLOWERS} followers have acknowledged generation ${generation}` },
  );
}
