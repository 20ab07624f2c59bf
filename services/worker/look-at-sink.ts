import { randomUUID } from 'node:crypto';

import { moveEvent } from '../../core/move-event.ts';
import { isBroker, type SinkId } from '../../core/sink.ts';
import { sinkRetryMs } from '../../core/sink-retry.ts';
import type { DownSink, SendAnswer, SendRequest } from '../../handlers/sink-contract.ts';
import type { Begun } from '../../handlers/sink-deps.ts';
import {
  type AttemptNote,
  findMove,
  openSink,
  type OpenedSink,
  recordLook,
} from '../postgres/sink-deliveries.ts';
import type { SinkEvent } from '../sinks/target.ts';
import { testEvent } from '../sinks/test-event.ts';
import { isReachable, notToldOf, sendThrough, type SinkParts } from './send-through.ts';

/** Nothing is due to whoever only looks. */
const NO_MOVES = 0;

/** One try at one event, beside the cursor. */
export async function sendOne(
  parts: SinkParts,
  request: SendRequest & Begun & { readonly eventId: string },
): Promise<{ answer: SendAnswer; position: string | null }> {
  const { tenant, sink, what, position, by, requestId } = request;
  const event = await eventOf(parts, request);
  if (event === null) return { answer: { kind: 'no_move' }, position };
  if (isBroker(sink) && !isReachable(parts, sink))
    return { answer: { kind: 'not_sent', event: event.id, reason: notToldOf(sink) }, position };
  const opened = await openSink(parts.db, request, { most: NO_MOVES, nowMs: parts.clock.now() });
  if (opened === null) return { answer: { kind: 'no_sink' }, position };
  const sent = await sendThrough(parts, request, opened, {
    events: [event],
    position,
    atMs: request.atMs,
  });
  const failed = sent.stopped?.reason ?? null;
  await recordLook(parts.db, {
    tenant,
    sink,
    start: opened.start,
    failed,
    retryAtMs: null,
    attempts: sent.attempts,
    asked: { by, action: what.kind === 'test' ? 'test sink' : 'redeliver move', event: event.id, requestId },
    at: parts.clock.now(),
  });
  const answer: SendAnswer =
    failed === null
      ? { kind: 'sent', event: event.id }
      : { kind: 'not_sent', event: event.id, reason: failed };
  return { answer, position: sent.position };
}

async function eventOf(
  { db }: SinkParts,
  { tenant, sink, what, eventId, atMs }: SendRequest & Begun & { readonly eventId: string },
): Promise<SinkEvent | null> {
  if (what.kind === 'test') return testEvent({ tenant, sink }, eventId, atMs);
  const move = await findMove(db, tenant, what.seq);
  return move === null ? null : moveEvent(move);
}

/** Those that are down, having looked at all. */
export async function proveSinks(
  parts: SinkParts,
  tenant: string,
  sinks: readonly string[],
): Promise<DownSink[]> {
  const looks = sinks.map(async (sink) => ({ sink, why: await whyDown(parts, { tenant, sink }) }));
  const seen = await Promise.all(looks);
  return seen.flatMap(({ sink, why }) => (why === null ? [] : [{ sink, why }]));
}

/** What keeps it from taking an event right now; null when it would. What is seen goes on record, since the swap looks there. */
async function whyDown(parts: SinkParts, id: SinkId): Promise<string | null> {
  const { sink } = id;
  const opened = await openSink(parts.db, id, { most: NO_MOVES, nowMs: parts.clock.now() });
  if (opened === null) return 'there is no webhook of that name';
  if (opened.paused !== null) return opened.paused;
  const isDue = opened.start < opened.latest;
  const stands = `it has failed before: ${opened.lastError}`;
  // Its writer knows best, and is on it.
  if (opened.failures > 0 && isDue) return stands;
  if (!isBroker(sink) && (opened.retryAtMs ?? 0) > parts.clock.now()) return stands;
  const { failed, attempts } = await look(parts, id, opened);
  const at = parts.clock.now();
  const random01 = Math.random();
  const retryAtMs =
    failed === null
      ? null
      : at + sinkRetryMs(sink, { failures: opened.failures + 1, random01, retryAfterMs: null });
  await recordLook(parts.db, { ...id, start: opened.start, failed, retryAtMs, attempts, asked: null, at });
  return failed;
}

interface Seen {
  readonly failed: string | null;
  readonly attempts: readonly AttemptNote[];
}

/** A broker is asked; a webhook is sent a test, since nothing else shows whether it would take an event. */
async function look(parts: SinkParts, { tenant, sink }: SinkId, opened: OpenedSink): Promise<Seen> {
  if (isBroker(sink)) {
    const health = await parts.brokers[sink]?.probe();
    if (health === undefined) return { failed: notToldOf(sink), attempts: [] };
    return { failed: health.kind === 'well' ? null : health.reason, attempts: [] };
  }
  const atMs = parts.clock.now();
  const event = testEvent({ tenant, sink }, `${tenant}:${sink}:test:${randomUUID()}`, atMs);
  const { stopped, attempts } = await sendThrough(parts, { tenant, sink }, opened, {
    events: [event],
    position: null,
    atMs,
  });
  return { failed: stopped?.reason ?? null, attempts };
}
