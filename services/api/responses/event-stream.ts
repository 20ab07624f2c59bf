import { setImmediate } from 'node:timers/promises';

import { EVENT_STREAM_TYPE } from '@pointsman/protocol/stream-events';
import type { UnsentBytes } from '../access/unsent-bytes.ts';
import { streamLimits } from '../limits.ts';
import { deadlineOf } from './deadline.ts';

/** A server-sent event. An event without data only sets the reader's last event ID. */
export interface ServerSentEvent {
  readonly id: string;
  readonly event?: string;
  readonly data?: unknown;
}

/** Encodes an event as text (HTML standard, section 9.2). Encoded JSON contains no line breaks, so the data fits into one line. */
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
  // Tells proxies not to buffer the response. A proxy that buffers would deliver the events only at the end of the stream.
  'x-accel-buffering': 'no',
};

/** The properties of a request that its event stream needs. */
export interface EventStreamRequest extends Pick<Request, 'method' | 'signal'> {
  /** Counts unsent events against the caller's share of response memory. */
  readonly unsent: UnsentBytes;
}

/**
 * Returns a response that streams events. The stream ends in four cases: there are no more events, the reader disconnects, the maximum
 * duration expires, or the process shuts down. Each batch of events is requested after the previous batch was sent, so that events do not
 * accumulate for a slow reader. A batch is counted against the caller's share while it is in memory. Readers of the same event share one
 * encoded buffer.
 *
 * If the caller's share is exhausted or the database does not respond, the stream ends without an error. The reader then reconnects with
 * the last event ID that it received.
 */
export function eventStreamAnswer(
  { method, signal: gone, unsent }: EventStreamRequest,
  draining: AbortSignal,
  events: (signal: AbortSignal) => AsyncIterator<readonly Uint8Array[]>,
): Response {
  // A response to HEAD has no body. A stream would never be read, so it would never end.
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
  /** Whether the reader has received all events and the stream waits for the next event. */
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
        // Wait for one turn of the event loop. After it, the connection or the kernel has taken the previous batch. The wait also lets the
        // server send the headers first. Otherwise the server would read several batches before it sends anything, even if the reader
        // accepts no data.
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
        // The call is not awaited. It also ends a pending call of `next`.
        void events.return?.().catch(() => undefined);
      },
    },
    // Request events only on demand: not before the reader reads, and not ahead of the data that was sent.
    { highWaterMark: 0 },
  );
}

/** Returns the next batch of events, already counted against the caller's share. Returns null at the end. */
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
