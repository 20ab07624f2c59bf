import { parseAccept } from 'hono/utils/accept';

import { EVENT_STREAM_TYPE } from '@pointsman/protocol/stream-events';

const JSON_TYPES = new Set(['application/json', 'application/*', '*/*']);

/** Whether the Accept header of a request prefers server-sent events to JSON (RFC 9110, section 12.5.1). JSON is the default. */
export function wantsEvents(headers: Headers): boolean {
  const accepted = parseAccept(headers.get('accept') ?? '').filter(({ q }) => q > 0);
  const stream = accepted.find(({ type }) => type.toLowerCase() === EVENT_STREAM_TYPE);
  if (stream === undefined) return false;
  const json = accepted.filter(({ type }) => JSON_TYPES.has(type.toLowerCase()));
  return json.every(({ type, q }) => q < stream.q || (q === stream.q && type === '*/*'));
}
