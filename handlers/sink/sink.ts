import {
  implement,
  type ObjectContext,
  type ObjectSharedContext,
  rpc,
  TerminalError,
} from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import { sinkLimits } from '../../core/limits/distribution-limits.ts';
import { isBroker, type SinkId, sinkKey } from '@pointsman/protocol/sinks/sink';
import type { Deps } from '../ports/deps.ts';
import { objectOptions } from '../durable/options.ts';
import {
  type DownSink,
  type SendResult,
  type SendRequest,
  Sink,
  type SinkNotification,
  type ControlResult,
  type ControlRequest,
} from '../contract/sink.ts';
import type { Delivered } from '../ports/sinks.ts';
import {
  beginAttempt,
  clearFailing,
  endPart,
  endAttempt,
  takePosition,
  readWriter,
  setCursor,
  setFailing,
  setPosition,
  type WriterState,
} from './state.ts';
import { awaitHealth, probe, notifyReleases } from './health.ts';
import { asStoreUnavailable } from '../durable/store-unavailable.ts';

/**
 * Delivers moves to sinks. Each object is the only writer of one webhook, or of one partition of a shared
 * stream.
 */
export function sinkObject(deps: Deps) {
  return implement(Sink, {
    description: 'Delivers moves to a sink, in order. Key: tenant/webhook or broker:partition.',
    handlers: {
      deliver: (ctx, notification) => deliver(ctx, deps, notification),
      control: (ctx, request) => control(ctx, deps, request),
      send: (ctx, request) => send(ctx, deps, request),
      awaitHealth: async (ctx, wait) => {
        assertOwn(ctx.key, wait);
        return awaitHealth(ctx, wait);
      },
      probe: async (ctx, sink) => {
        assertOwn(ctx.key, sink);
        return probe(ctx, deps, sink);
      },
      checkHealth: (ctx, sink) => checkHealth(ctx, deps, sink),
    },
    options: {
      ...objectOptions,
      // Restate sends the whole state with each call, because it is small and every delivery reads all of it.
      // State above Restate's own size limit is still loaded on demand.
      enableLazyState: false,
    },
  });
}

/**
 * Delivers the waiting moves, one batch per step. When a delivery fails, the writer stores the time of the
 * next retry, sends itself a delayed message, and returns. The key is therefore free during the wait, and a
 * request to pause or rewind runs without delay.
 *
 * The worker may die, or the invocation may be cancelled or killed, after a batch was sent and before its
 * result was recorded. The state then contains the attempt, which is repeated with the same time and
 * position, so that the target can detect duplicates. Every move arrives at least once and in order.
 *
 * If the invocation is killed before it sent the delayed message, the worker's periodic sweep finds the
 * undelivered moves in the database. Nothing must be undone.
 */
async function deliver(ctx: ObjectContext, deps: Deps, notification: SinkNotification): Promise<null> {
  assertOwn(ctx.key, notification);
  const nowMs = await ctx.date.now();
  const batches = isBroker(notification.sink) ? sinkLimits.batches : sinkLimits.webhookBatches;
  for (let batch = 0; batch < batches; batch++) {
    const writer = await readWriter(ctx, notification);
    if (batch === 0 && !isDue(writer, notification, nowMs)) return null;
    const delivered = await deliverBatch(ctx, deps, notification, writer, nowMs);
    if (delivered.kind === 'gone') return null;
    if (delivered.kind === 'failed') {
      const { failing, waitMs } = delivered;
      const again = { ...notification, readRecord: undefined, now: undefined, retry: failing.failures };
      ctx.sendClient(Sink, ctx.key).deliver(again, rpc.sendOpts({ delay: waitMs }));
      return null;
    }
    if (writer.failing !== null) await notifyOthers(ctx, deps, notification);
    if (delivered.kind === 'delivered') await notifyReleases(ctx);
    if (delivered.kind !== 'delivered' || !delivered.more) return null;
  }
  // The message goes to the end of the queue, so that the calls that already wait for this key run first.
  ctx.sendClient(Sink, ctx.key).deliver(notification);
  return null;
}

/** Rejects a sink that does not match this object's key: it would create a second writer. */
function assertOwn(key: string, sink: SinkId): void {
  if (sinkKey(sink) !== key)
    throw new TerminalError(`"${key}" does not write to ${sink.sink} of ${sink.tenant}`, { errorCode: 400 });
}

function isDue({ cursor, failing }: WriterState, notification: SinkNotification, nowMs: number): boolean {
  if (
    failing !== null &&
    notification.now !== true &&
    failing.failures !== notification.retry &&
    nowMs < failing.retryAtMs
  ) {
    // A message from the periodic sweep is processed even while a webhook waits for its next retry. The
    // webhook's URL may have changed, and then the database has ended that wait.
    return notification.readRecord === true && !isBroker(notification.sink);
  }
  return notification.readRecord === true || cursor === null || cursor < notification.seq;
}

async function deliverBatch(
  ctx: ObjectContext,
  deps: Deps,
  { tenant, sink }: SinkNotification,
  { cursor, failing }: WriterState,
  nowMs: number,
): Promise<Delivered> {
  const { attempt, again } = await beginAttempt(ctx, { tenant, after: cursor, nowMs });
  const request = { tenant, sink, after: cursor, failing, random01: ctx.rand.random(), ...attempt };
  const delivered = await ctx.run(
    'deliver moves',
    () => deps.sinks.deliver(request),
    stepRetries.whileSomebodyWaits,
  );
  if (delivered.kind === 'gone') {
    if (!isBroker(sink)) ctx.clearAll();
    return delivered;
  }
  const { seq, position } = delivered;
  setCursor(ctx, tenant, seq);
  if (delivered.kind === 'failed') {
    endPart(ctx, { tenant, after: seq, position, atMs: attempt.atMs });
    setFailing(ctx, tenant, delivered.failing, delivered.whole);
  } else {
    // If the result is `idle` after a repeated attempt, the sink was paused before that attempt ended. The
    // attempt is then still unfinished and must be kept.
    const unfinished = delivered.kind === 'idle' && again && seq === cursor;
    if (!unfinished) endAttempt(ctx, tenant, position);
    clearFailing(ctx, tenant);
  }
  return delivered;
}

/**
 * Starts the deliveries of the other tenants of the shared stream, after the first success since a failure.
 * Their own notifications were ignored while the sink was down.
 */
async function notifyOthers(ctx: ObjectContext, deps: Deps, { tenant, sink }: SinkId): Promise<void> {
  const others = await ctx.run(
    'list lagging sinks',
    () => deps.sinks.listLagging({ tenant, sink }),
    stepRetries.whileSomebodyWaits,
  );
  for (const other of others) ctx.sendClient(Sink, ctx.key).deliver(other);
}

/**
 * Pauses, resumes or rewinds a sink. The database applies the request and writes the audit row in one
 * transaction. Then the writer stores the new cursor in its state.
 *
 * If the worker dies between the two steps, Restate replays the handler. If it is killed between them, the
 * state is outdated until the request is repeated, or until the periodic sweep finds undelivered moves.
 */
async function control(ctx: ObjectContext, deps: Deps, request: ControlRequest): Promise<ControlResult> {
  assertOwn(ctx.key, request);
  const { tenant, sink } = request;
  const controlled = await asStoreUnavailable(
    ctx.run(
      'control sink',
      () => deps.sinks.control({ ...request, at: deps.clock.now() }),
      stepRetries.whileSomebodyWaits,
    ),
  );
  if (controlled.kind !== 'done') return controlled;
  const { seq, latest, ...answer } = controlled;
  setCursor(ctx, tenant, seq);
  if (request.control.kind !== 'pause') {
    // The caller resumed or rewound the sink and expects an immediate attempt. Clearing the failures removes
    // the stored retry time.
    clearFailing(ctx, tenant);
    ctx.sendClient(Sink, ctx.key).deliver({ tenant, sink, seq: latest, readRecord: true });
  }
  return answer;
}

/**
 * Sends one event immediately: a test event, or a move that was already delivered. The cursor does not
 * change. The handler holds the writer's key, so that the event can't interleave with a delivery to the same
 * stream.
 *
 * If the worker dies after the event was sent and before the result was recorded, the event is sent again. If
 * the handler is killed, the event may or may not have arrived, and the next attempt reads the position from
 * the target.
 */
async function send(ctx: ObjectContext, deps: Deps, request: SendRequest): Promise<SendResult> {
  assertOwn(ctx.key, request);
  const { tenant } = request;
  const attempt = { position: await takePosition(ctx), atMs: await ctx.date.now() };
  const asked = { ...request, ...attempt, eventId: `${tenant}:${request.sink}:test:${ctx.rand.uuidv4()}` };
  const { answer, position } = await asStoreUnavailable(
    ctx.run('send event', () => deps.sinks.send(asked), stepRetries.whileSomebodyWaits),
  );
  if (answer.kind !== 'not_sent') setPosition(ctx, position);
  return answer;
}

/**
 * Checks whether the sink is healthy, and records the result. A pointer must not move while a sink that its
 * policy requires is unhealthy.
 */
async function checkHealth(
  ctx: ObjectSharedContext,
  deps: Deps,
  { tenant, sink }: SinkId,
): Promise<DownSink[]> {
  const down = await asStoreUnavailable(
    ctx.run('check sink', () => deps.sinks.checkHealth(tenant, [sink]), stepRetries.whileSomebodyWaits),
  );
  return [...down];
}
