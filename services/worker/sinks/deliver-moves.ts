import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { moveEvent } from '@pointsman/protocol/moves/move-event';
import { isBroker } from '@pointsman/protocol/sinks/sink';
import { sinkRetryMs } from '../../../core/sink-retry.ts';
import type { Delivered, DeliverRequest, Failing } from '../../../handlers/ports/sinks.ts';
import { openSink, type OpenedSink, recordDelivery } from '../../postgres/sinks/sink-deliveries.ts';
import type { Stopped } from '../../sinks/target.ts';
import { isReachable, sendThrough, type SentThrough, type SinkDeps } from './send-through.ts';

/**
 * Runs one step of a sink's writer: reads undelivered moves, tries once to send them, and records the result.
 *
 * The result is recorded in the database first, and then in the state of the writer. If the two differ, the result of
 * an earlier run was lost, or the handler was killed between the two writes. The stored position of the writer is
 * then not used, and the target finds its position itself.
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
    // Moves that are too old are not delivered, but are recorded as delivered. Consumers detect that they are
    // missing.
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
  // The count of consecutive failures restarts if this attempt has delivered at least one move.
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
 * Returns the number of consecutive failures before this attempt, and their start. For a webhook, the database stores
 * them. For a broker, they are in the state of the writer, because they apply to all tenants of a partition and not
 * only to this one.
 */
function failuresBefore({ sink, failing }: DeliverRequest, { failures, failingSinceMs }: OpenedSink) {
  if (isBroker(sink) || failingSinceMs === null) return failing;
  return { failures, sinceMs: failingSinceMs };
}

function waitAfter({ sink, random01 }: DeliverRequest, failures: number, stopped: Stopped): number {
  const retryAfterMs = stopped.kind === 'later' ? stopped.retryAfterMs : null;
  return sinkRetryMs(sink, { failures, random01, retryAfterMs });
}

/** Returns the reason to end the delivery to a webhook permanently, or null to continue. */
function giveUpReason({ kind, reason }: Stopped, failedForMs: number): string | null {
  if (kind === 'gone') return `the endpoint answered 410 Gone; delivery stopped (${reason})`;
  if (failedForMs < sinkLimits.webhookGiveUpMs) return null;
  const days = Math.floor(sinkLimits.webhookGiveUpMs / 86_400_000);
  return `it has failed for ${days} days: ${reason}`;
}
