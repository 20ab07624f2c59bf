import { createParser, type EventSourceMessage } from 'eventsource-parser';

import type { TestApi } from '../processes/api.ts';
import { eventually } from './eventually.ts';

/** Somebody who reads a stream of events. */
export interface EventReader {
  readonly status: number;
  readonly headers: Headers;
  /** What has come so far. */
  readonly events: readonly EventSourceMessage[];
  /** As a browser would send it back. */
  readonly lastEventId: string | null;
  /** Whether the other side has ended it. */
  readonly hasEnded: boolean;
  /** Waits until so many events have come. */
  until(count: number): Promise<readonly EventSourceMessage[]>;
  /** Goes away in the middle. */
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
