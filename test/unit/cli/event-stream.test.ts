import { afterEach, expect, test } from 'vitest';

import { apiClient } from '../../../packages/client/http/client.ts';
import { eventStream } from '../../../packages/client/http/event-stream.ts';
import { clientLimits } from '../../../packages/client/http/limits.ts';
import { events, hangUp, problem, scriptedApi, type Respond, type ScriptedApi } from './scripted-api.ts';

let api: ScriptedApi;

afterEach(() => api.close());

async function stream(script: readonly Respond[], signal = new AbortController().signal) {
  api = await scriptedApi({ 'GET /events': script });
  return eventStream(apiClient({ url: api.url, token: 't' }, { signal, firstRetryMs: 5 }), '/events', signal);
}

test('an event stream that was cut resumes after its last event, and the cut is reported', async () => {
  const all = await stream([
    events('id: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: half'),
    events('id: 3\ndata: c\n\n'),
    hangUp,
  ]);
  const seen: (string | null)[] = [];
  for await (const event of all) seen.push(event?.data ?? null);
  expect(seen).toEqual(['a', 'b', null, 'c', null, ...Array<null>(clientLimits.streamFailures).fill(null)]);
  expect(api.seen.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2', '3', '3', '3']);
});

test('an event stream that cannot be opened ends after several attempts', async () => {
  const cuts: unknown[] = [];
  for await (const event of await stream([problem(503, 'unavailable', 'no')])) cuts.push(event);
  expect(cuts).toEqual(Array<null>(clientLimits.streamFailures).fill(null));
  expect(api.seen).toHaveLength(clientLimits.streamFailures);
});

test('comments keep an event stream alive, so a long wait does not count as an outage', async () => {
  const quiet = Array<Respond>(clientLimits.streamFailures + 2).fill(events(': still here\n\n'));
  const all = await stream([...quiet, events('data: at last\n\n'), hangUp]);
  const seen: (string | undefined)[] = [];
  for await (const event of all) if (event !== null) seen.push(event.data);
  expect(seen).toEqual(['at last']);
});

test('an interrupt ends an event stream immediately, with the reason of the interrupt', async () => {
  const interrupt = new AbortController();
  const open: Respond = (_seen, response) =>
    void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: a\n\n');
  const all = await stream([open], interrupt.signal);
  expect(await all.next()).toMatchObject({ done: false, value: { data: 'a' } });
  interrupt.abort(new Error('enough'));
  await expect(all.next()).rejects.toThrow('enough');
});

test('an event stream is requested with the bearer token', async () => {
  for await (const _ of await stream([hangUp]));
  expect(api.seen[0]?.headers.authorization).toBe('Bearer t');
});
