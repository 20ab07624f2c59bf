import { type ObjectContext, rpc } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { stepRetries } from '../../core/limits/limits.ts';
import { sinkLimits } from '../../core/limits/distribution-limits.ts';
import { isBroker, type SinkId } from '@pointsman/protocol/sinks/sink';
import type { Deps } from '../ports/deps.ts';
import { HealthWait, Sink } from '../contract/sink.ts';
import { readShortcut } from '../durable/stored-state.ts';

/** The state key that lists the releases waiting for the writer's broker. */
const WAITING = 'waiting releases';
/** The state key that stores the time of the next probe of the broker. */
const NEXT_PROBE = 'next probe';

const Waiting = HealthWait.pick({ awakeableId: true, untilMs: true });
type Waiting = z.infer<typeof Waiting>;

/**
 * Registers a release that waits for the broker, and starts to probe the broker once a second. One writer
 * probes the broker on behalf of all waiting releases of its partition. Otherwise each of them would probe a
 * broker that is down.
 *
 * If the worker dies, Restate replays the handler. If it is killed, the release may not be registered. It
 * checks the broker again when its wait ends, and then registers again.
 */
export async function awaitHealth(ctx: ObjectContext, { tenant, sink, ...wait }: HealthWait): Promise<null> {
  const nowMs = await ctx.date.now();
  const waiting = await stillWaiting(ctx, nowMs);
  if (waiting.length < sinkLimits.waitingReleases) ctx.set(WAITING, [...waiting, wait]);
  const nextProbeMs = await readShortcut(ctx, NEXT_PROBE, z.number());
  if (nextProbeMs === null || nowMs > nextProbeMs + sinkLimits.probeLostMs)
    probeLater(ctx, { tenant, sink }, nowMs);
  return null;
}

/**
 * Probes the broker while releases wait for it, and notifies them once it is healthy.
 *
 * If the broker responds but moves are undelivered, the writer first delivers the moves of one tenant,
 * without waiting for their retry time. Only a successful delivery proves that the broker accepts moves, and
 * {@link notifyReleases} runs after it.
 *
 * If the worker dies, Restate replays the handler. If it is killed, the next release that registers finds
 * that the probe is overdue, and starts it again.
 */
export async function probe(ctx: ObjectContext, deps: Deps, id: SinkId): Promise<null> {
  const nowMs = await ctx.date.now();
  const waiting = await stillWaiting(ctx, nowMs);
  ctx.clear(NEXT_PROBE);
  if (waiting.length === 0 || !isBroker(id.sink)) {
    ctx.clear(WAITING);
    return null;
  }
  const broker = id.sink;
  const probed = await ctx.run(
    'probe broker',
    () => deps.sinks.probe(broker, id.tenant),
    stepRetries.whileSomebodyWaits,
  );
  if (probed.kind === 'well') {
    await notifyReleases(ctx);
    return null;
  }
  if (probed.kind === 'due') await deliverNow(ctx, deps, id);
  probeLater(ctx, id, await ctx.date.now());
  return null;
}

/**
 * Resolves the awakeables of all releases that wait for this writer's broker. Called after the broker has
 * accepted a write.
 */
export async function notifyReleases(ctx: ObjectContext): Promise<void> {
  const waiting = await readShortcut(ctx, WAITING, z.array(Waiting));
  if (waiting === null) return;
  for (const { awakeableId } of waiting) ctx.resolveAwakeable(awakeableId);
  ctx.clear(WAITING);
}

async function stillWaiting(ctx: ObjectContext, nowMs: number): Promise<readonly Waiting[]> {
  const waiting = (await readShortcut(ctx, WAITING, z.array(Waiting))) ?? [];
  return waiting.filter(({ untilMs }) => untilMs > nowMs);
}

function probeLater(ctx: ObjectContext, { tenant, sink }: SinkId, nowMs: number): void {
  ctx.set(NEXT_PROBE, nowMs + sinkLimits.probeEveryMs);
  ctx.sendClient(Sink, ctx.key).probe({ tenant, sink }, rpc.sendOpts({ delay: sinkLimits.probeEveryMs }));
}

/**
 * Starts the delivery of the moves of one tenant. Once that delivery succeeds, it starts the deliveries of
 * the other tenants.
 */
async function deliverNow(ctx: ObjectContext, deps: Deps, id: SinkId): Promise<void> {
  const [first] = await ctx.run(
    'list lagging sinks',
    () => deps.sinks.listLagging(id),
    stepRetries.whileSomebodyWaits,
  );
  if (first !== undefined) ctx.sendClient(Sink, ctx.key).deliver({ ...first, readRecord: true, now: true });
}
