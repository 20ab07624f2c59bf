import { createParser, type EventSourceMessage } from 'eventsource-parser';

import type { ApiClient } from './client.ts';
import { clientLimits } from './limits.ts';
import { retryDelayMs, waitFor } from './retry.ts';

export type StreamEvent = EventSourceMessage;

/**
 * Yields the server-sent events of a path. Reconnects after a lost connection, and resumes after the last
 * received event (`Last-Event-ID`).
 *
 * Yields null after each lost connection, and the caller should then read the current state. Ends after
 * {@link clientLimits.streamFailures} consecutive connections without any data, because the stream is then
 * unavailable. Throws the signal's reason if the signal aborts. To stop the stream, the caller leaves the
 * loop.
 */
export async function* eventStream(
  client: ApiClient,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent | null> {
  const place: Place = { lastEventId: '' };
  for (let failures = 0; failures < clientLimits.streamFailures;) {
    const hasLived: boolean = yield* oneConnection(client, path, place, signal);
    signal.throwIfAborted();
    failures = hasLived ? 0 : failures + 1;
    yield null;
    await waitFor(retryDelayMs(failures + 1, null, Math.random(), client.firstRetryMs) ?? 0, signal);
  }
}

/** The position in the stream: the ID of the last received event. */
interface Place {
  lastEventId: string;
}

/**
 * Yields the events of one connection. Returns whether the connection delivered any data. Keep-alive comments
 * count as data.
 */
async function* oneConnection(
  client: ApiClient,
  path: string,
  place: Place,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, boolean> {
  let hasLived = false;
  const silence = new AbortController();
  const watch = setTimeout(() => silence.abort(), clientLimits.streamSilenceMs);
  try {
    const headers: Record<string, string> =
      place.lastEventId === '' ? {} : { 'last-event-id': place.lastEventId };
    const body = await client.stream(path, headers, AbortSignal.any([signal, silence.signal]));
    if (body === null) return false;
    const complete: StreamEvent[] = [];
    const parser = createParser({
      onEvent: (event) => {
        place.lastEventId = event.id ?? place.lastEventId;
        complete.push(event);
      },
      maxBufferSize: clientLimits.eventChars,
    });
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      hasLived = true;
      watch.refresh();
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
      yield* complete.splice(0);
    }
  } catch {
    // The connection was lost, received no data for too long, or was not an event stream. These errors are
    // ignored, because the next connection resumes after the last event, or the caller reads the current
    // state.
  } finally {
    clearTimeout(watch);
    silence.abort();
  }
  return hasLived;
}
