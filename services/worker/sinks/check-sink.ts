import { randomUUID } from 'node:crypto';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { moveEvent } from '@pointsman/protocol/moves/move-event';
import { type Broker, isBroker, type SinkId } from '@pointsman/protocol/sinks/sink';
import { sinkRetryMs } from '../../../core/sink-retry.ts';
import { MISSING_WEBHOOK } from '../../../core/texts/sink-texts.ts';
import type { DownSink, SendResult, SendRequest } from '../../../handlers/contract/sink.ts';
import type { DeliveryAttempt } from '../../../handlers/ports/sinks.ts';
import {
  findMove,
  openSink,
  type OpenedSink,
  recordSinkCheck,
} from '../../postgres/sinks/sink-deliveries.ts';
import type { SinkEvent } from '@pointsman/protocol/moves/sink-event';
import { testEvent } from '../../sinks/test-event.ts';
import type { BrokerProbes } from './broker-probes.ts';
import { isReachable, notConfigured, sendThrough, type SinkDeps } from './send-through.ts';

/** The number of undelivered moves to load. It is 0, because a health check does not deliver moves. */
const NO_MOVES = 0;

/**
 * Sends one event, as a test or a redelivery, in one attempt. The position up to which moves are delivered does not
 * change.
 */
export async function sendOne(
  deps: SinkDeps,
  request: SendRequest & DeliveryAttempt & { readonly eventId: string },
): Promise<{ answer: SendResult; position: string | null }> {
  const { tenant, sink, what, position, by, requestId } = request;
  const event = await eventOf(deps, request);
  if (event === null) return { answer: { kind: 'no_move' }, position };
  if (isBroker(sink) && !isReachable(deps, sink))
    return { answer: { kind: 'not_sent', event: event.id, reason: notConfigured(sink) }, position };
  const opened = await openSink(deps.db, request, { most: NO_MOVES, nowMs: deps.clock.now() });
  if (opened === null) return { answer: { kind: 'no_sink' }, position };
  const sent = await sendThrough(deps, request, opened, {
    events: [event],
    position,
    atMs: request.atMs,
  });
  const failed = sent.stopped?.reason ?? null;
  await recordSinkCheck(deps.db, {
    tenant,
    sink,
    start: opened.start,
    failed,
    whole: sent.stopped?.kind !== 'undelivered',
    healthyAtMs: opened.openedMs,
    retryAtMs: null,
    attempts: sent.attempts,
    asked: { by, action: what.kind === 'test' ? 'test sink' : 'redeliver move', event: event.id, requestId },
    at: deps.clock.now(),
  });
  const answer: SendResult =
    failed === null
      ? { kind: 'sent', event: event.id }
      : { kind: 'not_sent', event: event.id, reason: failed };
  return { answer, position: sent.position };
}

async function eventOf(
  { db }: SinkDeps,
  { tenant, sink, what, eventId, atMs }: SendRequest & DeliveryAttempt & { readonly eventId: string },
): Promise<SinkEvent | null> {
  if (what.kind === 'test') return testEvent({ tenant, sink }, eventId, atMs);
  const move = await findMove(db, tenant, what.seq);
  return move === null ? null : moveEvent(move);
}

/** Checks the health of the sinks in parallel. Returns those that are down. */
export async function checkSinks(
  deps: SinkDeps,
  probes: BrokerProbes,
  tenant: string,
  sinks: readonly string[],
): Promise<DownSink[]> {
  const checks = sinks.map(async (sink) => ({
    sink,
    down: await reasonDown(deps, probes, { tenant, sink }),
  }));
  const checked = await Promise.all(checks);
  return checked.flatMap(({ sink, down }) => (down === null ? [] : [{ sink, ...down }]));
}

type Down = Omit<DownSink, 'sink'>;

/**
 * Checks the health of a sink. Returns null if the sink would accept an event now, and otherwise the reason. The
 * result is also recorded in the database. It is read there when the pointer moves.
 */
async function reasonDown(deps: SinkDeps, probes: BrokerProbes, id: SinkId): Promise<Down | null> {
  const { sink } = id;
  const opened = await openSink(deps.db, id, { most: NO_MOVES, nowMs: deps.clock.now() });
  if (opened === null) return { why: MISSING_WEBHOOK };
  if (opened.paused !== null) return { why: opened.paused };
  const isDue = opened.start < opened.latest;
  // If the delivery of this tenant's moves fails, the sink's writer is already retrying. The result of its last
  // attempt is more reliable than that of a probe, so no probe is sent.
  if (opened.failures > 0 && !opened.shared && isDue) return { why: failedBefore(opened.lastError) };
  if (isBroker(sink)) return brokerDown(probes, sink, id.tenant);
  if ((opened.retryAtMs ?? 0) > deps.clock.now()) return { why: failedBefore(opened.lastError) };
  return webhookDown(deps, id, opened);
}

function failedBefore(lastError: string | null): string {
  return `the last delivery failed: ${lastError}`;
}

async function brokerDown(probes: BrokerProbes, broker: Broker, tenant: string): Promise<Down | null> {
  const probed = await probes(broker, tenant);
  if (probed.kind === 'well') return null;
  const why = probed.kind === 'down' ? probed.reason : failedBefore(probed.reason);
  return { why, shared: true };
}

/**
 * Checks a webhook by sending a test event, because there is no other way to find out whether it accepts events. The
 * endpoint must respond within `sinkLimits.probeMs`. After a longer time, the result could be outdated before the
 * pointer moves.
 */
async function webhookDown(deps: SinkDeps, id: SinkId, opened: OpenedSink): Promise<Down | null> {
  const { tenant, sink } = id;
  const atMs = deps.clock.now();
  const event = testEvent(id, `${tenant}:${sink}:test:${randomUUID()}`, atMs);
  const test = { events: [event], position: null, atMs };
  const { stopped, attempts } = await sendThrough(deps, id, opened, test, sinkLimits.probeMs);
  const failed = stopped?.reason ?? null;
  const at = deps.clock.now();
  const tries = { failures: opened.failures + 1, random01: Math.random(), retryAfterMs: null };
  const retryAtMs = failed === null ? null : at + sinkRetryMs(sink, tries);
  const checked = { failed, whole: true, healthyAtMs: opened.openedMs, retryAtMs, attempts, asked: null, at };
  await recordSinkCheck(deps.db, { ...id, start: opened.start, ...checked });
  return failed === null ? null : { why: failed };
}
