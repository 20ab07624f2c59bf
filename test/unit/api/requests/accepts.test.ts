import { expect, test } from 'vitest';

import { wantsEvents } from '../../../../services/api/requests/content-negotiation.ts';

test.each([
  ['text/event-stream', true],
  ['Text/Event-Stream; charset=utf-8', true],
  ['application/json;q=0.5, text/event-stream', true],
  ['text/event-stream, */*;q=0.1', true],
  ['text/event-stream, */*', true],
  ['', false],
  ['*/*', false],
  ['text/*', false],
  ['application/json', false],
  ['text/event-stream;q=0', false],
  ['application/json, text/event-stream', false],
  ['application/json, text/event-stream;q=0.9', false],
  ['application/*, text/event-stream;q=0.9', false],
  ['text/event-streams', false],
  [',;=,text/event-stream;;q="', true],
])('a request with "Accept: %s" gets an event stream: %s', (accept, isStream) => {
  expect(wantsEvents(new Headers(accept === '' ? {} : { accept }))).toBe(isStream);
});
