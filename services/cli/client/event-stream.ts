import { createParser, type EventSourceMessage } from 'eventsource-parser';

import type { ApiClient } from './client.ts';
import { cliLimits } from '../limits.ts';
import { retryDelayMs, waitFor } from './retry.ts';

/**
 * The server-sent events at that path, across cut connections: each new one asks to go on after the last event seen
 * (`Last-Event-ID`). A null stands for a cut, after which the caller should look for itself. Ends when
 * {@link cliLimits.streamFailures} connections in a row brought nothing at all: then there is no stream to be had. Throws the
 * signal's reason when interrupted. The caller stops it by leaving the loop.
 */
export async function* eventStream(
  client: ApiClient,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage | null> {
  const place: Place = { lastEventId: '' };
  for (let failures = 0; failures < cliLimits.streamFailures;) {
    const hasLived: boolean = yield* oneConnection(client, path, place, signal);
    signal.throwIfAborted();
    failures = hasLived ? 0 : failures + 1;
    yield null;
    await waitFor(retryDelayMs(failures + 1, null, Math.random(), client.firstRetryMs) ?? 0, signal);
  }
}

/** How far the events have been seen. */
interface Place {
  lastEventId: string;
}

/** Answers whether the connection brought anything, if only a comment that keeps it alive. */
async function* oneConnection(
  client: ApiClient,
  path: string,
  place: Place,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage, boolean> {
  let hasLived = false;
  const silence = new AbortController();
  const watch = setTimeout(() => silence.abort(), cliLimits.streamSilenceMs);
  try {
    const headers: Record<string, string> =
      place.lastEventId === '' ? {} : { 'last-event-id': place.lastEventId };
    const body = await client.stream(path, headers, AbortSignal.any([signal, silence.signal]));
    if (body === null) return false;
    const complete: EventSourceMessage[] = [];
    const parser = createParser({
      onEvent: (event) => complete.push(event),
      onId: (id) => (place.lastEventId = id),
      maxBufferSize: cliLimits.eventChars,
    });
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      hasLived = true;
      watch.refresh();
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
      yield* complete.splice(0);
    }
  } catch {
    // Cut, silent or no stream at all: the next connection goes on, or the caller looks for itself.
  } finally {
    clearTimeout(watch);
    silence.abort();
  }
  return hasLived;
}
