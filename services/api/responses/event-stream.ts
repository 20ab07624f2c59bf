import { setImmediate } from 'node:timers/promises';

import { EVENT_STREAM_TYPE } from '@pointsman/protocol/stream-events';
import type { UnsentBytes } from '../access/unsent-bytes.ts';
import { streamLimits } from '../limits.ts';
import { deadlineOf } from './deadline.ts';

/** A server-sent event. Without data, it only sets the reader's last event ID. */
export interface ServerSentEvent {
  readonly id: string;
  readonly event?: string;
  readonly data?: unknown;
}

/** Encodes the event as text (HTML, section 9.2). Encoded JSON contains no line breaks. */
export function encodeEvent({ id, event, data }: ServerSentEvent): Uint8Array {
  const lines = [`id: ${id}`];
  if (event !== undefined) lines.push(`event: ${event}`);
  if (data !== undefined) lines.push(`data: ${JSON.stringify(data)}`);
  return encoder.encode(`${lines.join('\n')}\n\n`);
}

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(': still here\n\n');

const HEADERS = {
  'content-type': EVENT_STREAM_TYPE,
  'cache-control': 'no-store',
  vary: 'accept',
  // Tells proxies not to buffer. A proxy that buffers would deliver all events only at the end.
  'x-accel-buffering': 'no',
};

/** The parts of a request that a stream needs. */
export interface EventStreamRequest extends Pick<Request, 'method' | 'signal'> {
  /** Counts unsent events against the caller's share of responses. */
  readonly unsent: UnsentBytes;
}

/**
 * A response that streams events. It ends when the events end, the reader disconnects, the maximum duration expires or
 * the process shuts down. Each batch is requested after the previous one was sent, so that nothing accumulates for a
 * slow reader, and is counted while it is in memory. Readers of the same event share one encoded buffer. When the
 * caller's share is exhausted or the database does not respond, the stream ends without an error, and the reader
 * reconnects with the last ID that it received.
 */
export function eventStreamAnswer(
  { method, signal: gone, unsent }: EventStreamRequest,
  draining: AbortSignal,
  events: (signal: AbortSignal) => AsyncIterator<readonly Uint8Array[]>,
): Response {
  // A response to HEAD has no body, so the stream would never be read and never end.
  if (method === 'HEAD') return new Response(null, { headers: HEADERS });
  const end = deadlineOf([gone, draining], streamLimits.lifetimeMs);
  return new Response(eventStream(events(end.signal), unsent, end.clear), { headers: HEADERS });
}

function eventStream(
  events: AsyncIterator<readonly Uint8Array[]>,
  unsent: UnsentBytes,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  let heartbeat: NodeJS.Timeout | undefined;
  let isCancelled = false;
  /** Whether the reader has received everything and waits for the next event. */
  let isWaiting = false;
  const end = (): void => {
    clearInterval(heartbeat);
    onEnd();
  };
  return new ReadableStream(
    {
      start(controller) {
        const beat = (): void => {
          if (!isWaiting || (controller.desiredSize ?? -1) < 0) return;
          unsent.giveBack();
          controller.enqueue(HEARTBEAT);
        };
        heartbeat = setInterval(beat, streamLimits.heartbeatMs);
      },
      async pull(controller) {
        // After this turn of the event loop, the connection or the kernel has the previous batch. The delay also lets
        // the server send the headers first. Without it, the server reads several pieces from a body with available
        // data before it sends anything, even if the reader accepts none.
        await setImmediate();
        unsent.giveBack();
        isWaiting = true;
        const batch = await nextBatch(events, unsent);
        isWaiting = false;
        if (isCancelled) return;
        if (batch !== null) {
          for (const event of batch) controller.enqueue(event);
          return;
        }
        end();
        controller.close();
      },
      cancel() {
        isCancelled = true;
        end();
        // Not awaited: a pending `next` ends together with it.
        void events.return?.().catch(() => undefined);
      },
    },
    // Pull only on demand: not before the first read, and not ahead of the data that was sent.
    { highWaterMark: 0 },
  );
}

/** The next batch, already counted against the caller's share; null at the end. */
async function nextBatch(
  events: AsyncIterator<readonly Uint8Array[]>,
  unsent: UnsentBytes,
): Promise<readonly Uint8Array[] | null> {
  try {
    const next = await events.next();
    if (next.done === true) return null;
    unsent.take(next.value);
    return next.value;
  } catch {
    await events.return?.().catch(() => undefined);
    return null;
  }
}
