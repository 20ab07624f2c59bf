import { expect, test } from 'vitest';

import { encodeEvent, eventStreamAnswer } from '../../../../services/api/responses/event-stream.ts';
import { eventually } from '../../../support/runs/eventually.ts';

const never = new AbortController().signal;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Numbers without end, and what became of whoever makes them. */
function numbers() {
  const state = { made: 0, hasEnded: false };
  async function* make(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield encodeEvent({ id: String(++state.made) });
    } finally {
      state.hasEnded = true;
    }
  }
  return { state, make };
}

test('an event is one line of data, whatever its text holds', () => {
  expect(text(encodeEvent({ id: '7.2', event: 'gate', data: { message: 'a\nb\r\n' } }))).toBe(
    'id: 7.2\nevent: gate\ndata: {"message":"a\\nb\\r\\n"}\n\n',
  );
});

test('an event without data moves the reader on and tells it nothing', () => {
  expect(text(encodeEvent({ id: 'acme:17' }))).toBe('id: acme:17\n\n');
});

test('no more is made than the reader takes', async () => {
  const { state, make } = numbers();
  const reader = eventStreamAnswer(new Request('http://test/'), never, make).body!.getReader();
  for (let n = 1; n <= 3; n++)
    expect(await reader.read()).toEqual({ done: false, value: encodeEvent({ id: String(n) }) });
  await new Promise((resolve) => setImmediate(resolve));
  expect(state.made).toBe(4);
  await reader.cancel();
  await eventually(async () => state.hasEnded, { what: 'the events end with their reader' });
});

test('the events are told to end when the process is to end, and when the reader is gone', async () => {
  const untilAborted = (signal: AbortSignal): AsyncGenerator<Uint8Array> =>
    (async function* () {
      yield encodeEvent({ id: '1' });
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    })();
  const [gone, drain] = [new AbortController(), new AbortController()];
  const request = () => new Request('http://test/', { signal: gone.signal });
  const drained = eventStreamAnswer(request(), drain.signal, untilAborted).text();
  drain.abort();
  expect(await drained).toBe('id: 1\n\n');
  const left = eventStreamAnswer(request(), never, untilAborted).text();
  gone.abort();
  expect(await left).toBe('id: 1\n\n');
});

test('a stream whose source breaks ends after what was told before', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield encodeEvent({ id: '1' });
    throw new Error('the store is down');
  }
  const answer = eventStreamAnswer(new Request('http://test/'), never, broken);
  expect(await answer.text()).toBe('id: 1\n\n');
});

test('who asks for the headers alone starts no stream', () => {
  const answer = eventStreamAnswer(new Request('http://test/', { method: 'HEAD' }), never, () => {
    throw new Error('somebody follows');
  });
  expect([answer.body, answer.headers.get('content-type')]).toEqual([null, 'text/event-stream']);
});
