import { createParser, type EventSourceMessage } from 'eventsource-parser';

import type { TestApi } from '../processes/api.ts';
import { eventually } from './eventually.ts';

/** A client that reads a stream of events. */
export interface EventReader {
  readonly status: number;
  readonly headers: Headers;
  /** The events that have arrived. */
  readonly events: readonly EventSourceMessage[];
  /** The id that a browser would send when it reconnects. */
  readonly lastEventId: string | null;
  /** Whether the server has ended the stream. */
  readonly hasEnded: boolean;
  /** Waits until `count` events have arrived. */
  until(count: number): Promise<readonly EventSourceMessage[]>;
  /** Closes the connection before the stream ends. */
  leave(): void;
}

export async function readEvents(
  api: TestApi,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventReader> {
  const gone = new AbortController();
  const response = await fetch(api.url + path, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${api.adminToken}`, ...headers },
    signal: gone.signal,
  });
  const events: EventSourceMessage[] = [];
  const state = { lastEventId: null as string | null, hasEnded: false };
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onId: (id) => (state.lastEventId = id),
  });
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? [])
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    state.hasEnded = true;
  };
  read().catch(() => (state.hasEnded = true));
  return {
    status: response.status,
    headers: response.headers,
    events,
    get lastEventId() {
      return state.lastEventId;
    },
    get hasEnded() {
      return state.hasEnded;
    },
    until: (count) =>
      eventually(async () => events.length >= count && events, { what: `${count} events of ${path}` }),
    leave: () => gone.abort(),
  };
}
