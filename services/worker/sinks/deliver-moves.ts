import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { moveEvent } from '@pointsman/protocol/moves/move-event';
import { isBroker } from '@pointsman/protocol/sinks/sink';
import { sinkRetryMs } from '../../../core/sink-retry.ts';
import type { Delivered, DeliverRequest, Failing } from '../../../handlers/ports/sinks.ts';
import { openSink, type OpenedSink, recordDelivery } from '../../postgres/sinks/sink-deliveries.ts';
import type { Stopped } from '../../sinks/target.ts';
import { isReachable, sendThrough, type SentThrough, type SinkDeps } from './send-through.ts';

/**
 * One step of a sink's writer: reads the due moves, tries once to send them, and records the result.
 *
 * The result is recorded in the database before the writer's state changes, so the database is at least as current. If
 * they differ, an earlier run of this step lost its result, or the handler was killed between the two writes. The
 * writer's stored position is then uncertain, and the target looks it up.
 */
export async function deliverMoves(deps: SinkDeps, request: DeliverRequest): Promise<Delivered> {
  const { tenant, sink, after } = request;
  if (!isReachable(deps, sink)) return { kind: 'gone' };
  const nowMs = deps.clock.now();
  const opened = await openSink(deps.db, request, { known: after, most: sinkLimits.batchMoves, nowMs });
  if (opened === null) return { kind: 'gone' };
  const { start, moves } = opened;
  const position = start === after ? request.position : null;
  const standing = { tenant, sink, start, at: nowMs };
  if (moves.length === 0) {
    // Moves that are too old to be delivered are counted as delivered. The consumer detects the gap.
    if (start !== opened.onRecord && opened.paused === null) {
      const nothing = { failed: null, healthyAtMs: null, pause: null, attempts: [] };
      await recordDelivery(deps.db, { ...standing, seq: start, ...nothing });
    }
    return { kind: 'idle', seq: start, position };
  }
  const events = moves.map((move) => moveEvent({ tenant, ...move }));
  const sent = await sendThrough(deps, request, opened, { events, position, atMs: request.atMs });
  const seq = start + sent.count;
  const stopped = sent.stopped ?? (sent.count === 0 ? ACCEPTED_NOTHING : null);
  if (stopped !== null) return recordFailure(deps, request, opened, { ...sent, seq, stopped });
  const at = deps.clock.now();
  const { attempts } = sent;
  const proof = { failed: null, healthyAtMs: opened.openedMs, pause: null };
  await recordDelivery(deps.db, { ...standing, seq, ...proof, attempts, at });
  const more = sent.count < events.length || events.length === sinkLimits.batchMoves;
  return { kind: 'delivered', seq, position: sent.position, more };
}

const ACCEPTED_NOTHING: Stopped = {
  kind: 'later',
  reason: 'it accepted nothing, and gave no reason',
  retryAfterMs: null,
};

interface FailedDelivery extends SentThrough {
  readonly seq: number;
  readonly stopped: Stopped;
}

async function recordFailure(
  { db, clock }: SinkDeps,
  request: DeliverRequest,
  opened: OpenedSink,
  { count, seq, position, stopped, attempts }: FailedDelivery,
): Promise<Delivered> {
  const { tenant, sink } = request;
  const at = clock.now();
  // If at least one move was delivered in this attempt, the count of consecutive failures starts again.
  const before = count > 0 ? null : failuresBefore(request, opened);
  const failures = (before?.failures ?? 0) + 1;
  const sinceMs = before?.sinceMs ?? at;
  const waitMs = waitAfter(request, failures, stopped);
  const failing: Failing = { failures, sinceMs, retryAtMs: at + waitMs };
  const { reason } = stopped;
  const pause = isBroker(sink) ? null : giveUpReason(stopped, at - sinceMs);
  const whole = stopped.kind !== 'undelivered';
  const failed = { ...failing, reason, whole };
  const healthyAtMs = stopped.kind === 'undelivered' && stopped.responded ? opened.openedMs : null;
  await recordDelivery(db, {
    tenant,
    sink,
    start: opened.start,
    seq,
    failed,
    healthyAtMs,
    pause,
    attempts,
    at,
  });
  if (pause !== null) return { kind: 'idle', seq, position };
  return { kind: 'failed', seq, position, failing, waitMs, whole, reason };
}

/**
 * The failures of a webhook are stored in the database. A broker fails for all its tenants, so the failures in the rows
 * of one tenant do not count.
 */
function failuresBefore({ sink, failing }: DeliverRequest, { failures, failingSinceMs }: OpenedSink) {
  if (isBroker(sink) || failingSinceMs === null) return failing;
  return { failures, sinceMs: failingSinceMs };
}

function waitAfter({ sink, random01 }: DeliverRequest, failures: number, stopped: Stopped): number {
  const retryAfterMs = stopped.kind === 'later' ? stopped.retryAfterMs : null;
  return sinkRetryMs(sink, { failures, random01, retryAfterMs });
}

/** The reason why delivery stops permanently; null while delivery continues. */
function giveUpReason({ kind, reason }: Stopped, failedForMs: number): string | null {
  if (kind === 'gone') return `the endpoint answered 410 Gone; delivery stopped (${reason})`;
  if (failedForMs < sinkLimits.webhookGiveUpMs) return null;
  const days = Math.floor(sinkLimits.webhookGiveUpMs / 86_400_000);
  return `it has failed for ${days} days: ${reason}`;
}
