import { streamLimits } from '../limits.ts';

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

/**
 * The answer that streams those events until they end, the reader is gone, its time is over or the process is to end. What is encoded
 * for several readers is handed to each as it is. When the store can't be asked the stream just ends: its reader comes back with the last
 * id that it saw.
 */
export function eventStreamAnswer(
  { method, signal: gone }: Pick<Request, 'method' | 'signal'>,
  draining: AbortSignal,
  events: (signal: AbortSignal) => AsyncGenerator<Uint8Array>,
): Response {
  // A HEAD has no body: nobody would ever read the stream, nor end it.
  if (method === 'HEAD') return new Response(null, { headers: HEADERS });
  const lifetime = AbortSignal.timeout(streamLimits.lifetimeMs);
  const signal = AbortSignal.any([gone, draining, lifetime]);
  return new Response(eventStream(events(signal)), { headers: HEADERS });
}

/** The next event is asked for when the one before was taken, so that nothing piles up for a reader that is slow. */
function eventStream(events: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  let heartbeat: NodeJS.Timeout | undefined;
  let isCancelled = false;
  return new ReadableStream({
    start(controller) {
      const beat = (): void => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(HEARTBEAT);
      };
      heartbeat = setInterval(beat, streamLimits.heartbeatMs);
    },
    async pull(controller) {
      const next = await events.next().catch(() => null);
      if (isCancelled) return;
      if (next !== null && next.done !== true) {
        controller.enqueue(next.value);
        return;
      }
      clearInterval(heartbeat);
      controller.close();
    },
    cancel() {
      isCancelled = true;
      clearInterval(heartbeat);
      // Not awaited: it ends when what it waits for does, which the request's signal sees to.
      void events.return(null).catch(() => undefined);
    },
  });
}
