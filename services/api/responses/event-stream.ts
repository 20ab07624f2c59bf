import { setImmediate } from 'node:timers/promises';

import type { UnsentBytes } from '../access/unsent-bytes.ts';
import { streamLimits } from '../limits.ts';
import { deadlineOf } from './deadline.ts';

/** One server-sent event. Without data it tells the reader nothing but where it is. */
export interface ServerSentEvent {
  readonly id: string;
  readonly event?: string;
  readonly data?: unknown;
}

/** The event as it goes over the wire (HTML, section 9.2). JSON has no line breaks in it. */
export function encodeEvent({ id, event, data }: ServerSentEvent): Uint8Array {
  const lines = [`id: ${id}`];
  if (event !== undefined) lines.push(`event: ${event}`);
  if (data !== undefined) lines.push(`data: ${JSON.stringify(data)}`);
  return encoder.encode(`${lines.join('\n')}\n\n`);
}

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(': still here\n\n');

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  vary: 'accept',
  // Proxies that buffer would turn progress into a report.
  'x-accel-buffering': 'no',
};

/** What a stream needs of the request that it responds to. */
export interface EventStreamRequest extends Pick<Request, 'method' | 'signal'> {
  /** Takes of the caller's share of responses until the response has been sent. */
  readonly unsent: UnsentBytes;
}

/**
 * The answer that streams those events until they end, the reader is gone, its time is over or the process is to end. Each batch is asked
 * for when the one before was taken, so that nothing piles up for a slow reader, and is counted while it is in memory. What is encoded for
 * several readers is handed to each as it is. When the share of the caller is exhausted, or the store can't be asked, the stream just
 * ends: its reader comes back with the last id that it saw.
 */
export function eventStreamAnswer(
  { method, signal: gone, unsent }: EventStreamRequest,
  draining: AbortSignal,
  events: (signal: AbortSignal) => AsyncIterator<readonly Uint8Array[]>,
): Response {
  // A HEAD has no body: nobody would ever read the stream, nor end it.
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
  /** The reader has taken everything, and waits for the next event. */
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
        // What was read last is in the connection by then, or in the kernel. And the server begins the response without this event: of a
        // body that has its first pieces at once it reads some before it sends anything, whether they are taken or not.
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
        // Not awaited: it ends when what it waits for does, which the request's signal sees to.
        void events.return?.().catch(() => undefined);
      },
    },
    // Not before somebody reads, and not ahead of what was sent.
    { highWaterMark: 0 },
  );
}

/** What is sent next, and was taken of the share for it; null at the end. */
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
