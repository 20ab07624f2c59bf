import {
  implement,
  type ObjectContext,
  type ObjectSharedContext,
  rpc,
  TerminalError,
} from '@restatedev/restate-sdk';

import { sinkLimits } from '../../core/limits/distribution-limits.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import { isBroker, type SinkId, sinkKey } from '../../core/sink.ts';
import type { Deps } from '../ports/deps.ts';
import { objectOptions } from '../durable/options.ts';
import {
  type DownSink,
  type SendResult,
  type SendRequest,
  Sink,
  type SinkWake,
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

/** Whoever tells the world of moves: the one writer of a webhook, or of a partition of a shared stream. */
export function sinkObject(deps: Deps) {
  return implement(Sink, {
    description: 'Delivers moves to a sink, in order. Key: tenant/webhook or broker:partition.',
    handlers: {
      deliver: (ctx, wake) => deliver(ctx, deps, wake),
      control: (ctx, request) => steer(ctx, deps, request),
      send: (ctx, request) => send(ctx, deps, request),
      awaitHealth: async (ctx, wait) => {
        assertOwn(ctx.key, wait);
        return awaitHealth(ctx, wait);
      },
      probe: async (ctx, sink) => {
        assertOwn(ctx.key, sink);
        return probe(ctx, deps, sink);
      },
      checkHealth: (ctx, sink) => prove(ctx, deps, sink),
    },
    options: {
      ...objectOptions,
      // Few small values, each read by every delivery; what is past the server's own bound comes when it is asked for.
      enableLazyState: false,
    },
  });
}

/**
 * Delivers what is due, a batch a step. While the sink fails nothing is held: the writer notes when it is to be tried again, sends itself a
 * message for then, and returns, so that whoever pauses or rewinds it is heard at once.
 *
 * Dies between a send and its record, or is cancelled or killed there: what was being tried is in the state, and is tried once more as the same
 * try, so that everything arrives at least once and in order. Killed before it has sent itself on: the sweep finds what is due in the record.
 * Nothing is undone.
 */
async function deliver(ctx: ObjectContext, deps: Deps, wake: SinkWake): Promise<null> {
  assertOwn(ctx.key, wake);
  const nowMs = await ctx.date.now();
  const batches = isBroker(wake.sink) ? sinkLimits.batches : sinkLimits.webhookBatches;
  for (let batch = 0; batch < batches; batch++) {
    const writer = await readWriter(ctx, wake);
    if (batch === 0 && !isDue(writer, wake, nowMs)) return null;
    const delivered = await deliverBatch(ctx, deps, wake, writer, nowMs);
    if (delivered.kind === 'gone') return null;
    if (delivered.kind === 'failed') {
      const { failing, waitMs } = delivered;
      const again = { ...wake, look: undefined, now: undefined, retry: failing.failures };
      ctx.sendClient(Sink, ctx.key).deliver(again, rpc.sendOpts({ delay: waitMs }));
      return null;
    }
    if (writer.failing !== null) await wakeOthers(ctx, deps, wake);
    if (delivered.kind === 'delivered') await notifyReleases(ctx);
    if (delivered.kind !== 'delivered' || !delivered.more) return null;
  }
  // Behind whoever waits by now.
  ctx.sendClient(Sink, ctx.key).deliver(wake);
  return null;
}

/** A name in a key that is not its own would be a second writer. */
function assertOwn(key: string, sink: SinkId): void {
  if (sinkKey(sink) !== key)
    throw new TerminalError(`"${key}" does not write to ${sink.sink} of ${sink.tenant}`, { errorCode: 400 });
}

function isDue({ cursor, failing }: WriterState, wake: SinkWake, nowMs: number): boolean {
  if (failing !== null && wake.now !== true && failing.failures !== wake.retry && nowMs < failing.retryAtMs) {
    // A webhook's wait may have ended on record: it has another address by now.
    return wake.look === true && !isBroker(wake.sink);
  }
  return wake.look === true || cursor === null || cursor < wake.seq;
}

async function deliverBatch(
  ctx: ObjectContext,
  deps: Deps,
  { tenant, sink }: SinkWake,
  { cursor, failing }: WriterState,
  nowMs: number,
): Promise<Delivered> {
  const { begun, again } = await beginAttempt(ctx, { tenant, after: cursor, nowMs });
  const request = { tenant, sink, after: cursor, failing, random01: ctx.rand.random(), ...begun };
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
    endPart(ctx, { tenant, after: seq, position, atMs: begun.atMs });
    setFailing(ctx, tenant, delivered.failing, delivered.whole);
  } else {
    // Somebody has paused it before what was tried had ended: it has not ended by that.
    const unended = delivered.kind === 'idle' && again && seq === cursor;
    if (!unended) endAttempt(ctx, tenant, position);
    clearFailing(ctx, tenant);
  }
  return delivered;
}

/** Their own wakes came while the sink was down, and were not worth a try. */
async function wakeOthers(ctx: ObjectContext, deps: Deps, { tenant, sink }: SinkId): Promise<void> {
  const others = await ctx.run(
    'look who is behind',
    () => deps.sinks.behind({ tenant, sink }),
    stepRetries.whileSomebodyWaits,
  );
  for (const wake of others) ctx.sendClient(Sink, ctx.key).deliver(wake);
}

/**
 * Pauses, resumes or rewinds. The record decides, in one transaction with the audit; then the writer remembers what stands there.
 *
 * Dies between the two: replayed. Killed there: the same request once more sets it right, and so does the sweep, which finds something due.
 */
async function steer(ctx: ObjectContext, deps: Deps, request: ControlRequest): Promise<ControlResult> {
  assertOwn(ctx.key, request);
  const { tenant, sink } = request;
  const steered = await asStoreUnavailable(
    ctx.run(
      'steer sink',
      () => deps.sinks.steer({ ...request, at: deps.clock.now() }),
      stepRetries.whileSomebodyWaits,
    ),
  );
  if (steered.kind !== 'done') return steered;
  const { seq, latest, ...answer } = steered;
  setCursor(ctx, tenant, seq);
  if (request.steer.kind !== 'pause') {
    // Somebody wants it tried now.
    clearFailing(ctx, tenant);
    ctx.sendClient(Sink, ctx.key).deliver({ tenant, sink, seq: latest, look: true });
  }
  return answer;
}

/**
 * One event beside the cursor, once: a test, or a move again. In the writer's turn, since a shared stream has one order.
 *
 * Dies between the send and its record: sent again. Killed: it has arrived or not, and the writer's next try finds out where its target stands.
 */
async function send(ctx: ObjectContext, deps: Deps, request: SendRequest): Promise<SendResult> {
  assertOwn(ctx.key, request);
  const { tenant } = request;
  const begun = { position: await takePosition(ctx), atMs: await ctx.date.now() };
  const asked = { ...request, ...begun, eventId: `${tenant}:${request.sink}:test:${ctx.rand.uuidv4()}` };
  const { answer, position } = await asStoreUnavailable(
    ctx.run('send event', () => deps.sinks.send(asked), stepRetries.whileSomebodyWaits),
  );
  if (answer.kind !== 'not_sent') setPosition(ctx, position);
  return answer;
}

/** Whether the sink is well, for whoever wants to move a pointer that must not move without it. Changes nothing but what is known. */
async function prove(ctx: ObjectSharedContext, deps: Deps, { tenant, sink }: SinkId): Promise<DownSink[]> {
  const down = await asStoreUnavailable(
    ctx.run('look at sink', () => deps.sinks.prove(tenant, [sink]), stepRetries.whileSomebodyWaits),
  );
  return [...down];
}
