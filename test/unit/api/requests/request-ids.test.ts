import { expect, test } from 'vitest';

import { requestIds } from '../../../../services/api/requests/request-ids.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test('a request id of the client is kept when it is safe in a header and in a log line', () => {
  expect(requestIds(new Headers({ 'x-request-id': 'ci/run:42.1' })).requestId).toBe('ci/run:42.1');
});

test.each(['a b', 'x'.repeat(129), '<script>', '{"a":1}', ''])(
  'the unsafe request id %j is replaced',
  (id) => {
    expect(requestIds(new Headers({ 'x-request-id': id })).requestId).toMatch(UUID);
  },
);

test('the trace of the caller is continued with a new span', () => {
  const given = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
  const { traceparent, tracestate } = requestIds(new Headers({ traceparent: given, tracestate: 'a=1' }));
  expect(traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-00$/);
  expect(traceparent).not.toContain('00f067aa0ba902b7');
  expect(tracestate).toBe('a=1');
});

test.each([
  '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
  '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
  'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  'garbage',
])('the invalid trace header %s is replaced, and its trace state is dropped', (traceparent) => {
  const ids = requestIds(new Headers({ traceparent, tracestate: 'a=1' }));
  expect(ids.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(ids.traceparent).not.toContain('4bf92f35');
  expect(ids.tracestate).toBeNull();
});
