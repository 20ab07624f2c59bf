import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Shares } from '../../../../services/api/access/shares.ts';
import { UnsentBuffers, type UnsentBytes } from '../../../../services/api/access/unsent-bytes.ts';
import { streamLimits } from '../../../../services/api/limits.ts';
import { responseShares } from '../../../../services/api/access/share-limits.ts';
import { encodeEvent, eventStreamAnswer } from '../../../../services/api/responses/event-stream.ts';
import { eventually } from '../../../support/runs/eventually.ts';

const never = new AbortController().signal;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Creates a request with its own share of memory, unless the test passes one. */
function asked({
  method = 'GET',
  signal = never,
  unsent = unsentOf(new Shares(responseShares)),
}: { method?: string; signal?: AbortSignal; unsent?: UnsentBytes } = {}) {
  return { method, signal, unsent };
}

function unsentOf(shares: Shares): UnsentBytes {
  return new UnsentBuffers(shares).open(['acme', 'ci'], () => 0);
}

/** A generator of endless numbers. It counts them, and records when it has ended. */
function numbers() {
  const state = { made: 0, hasEnded: false };
  async function* make(): AsyncGenerator<readonly Uint8Array[]> {
    try {
      for (;;) yield [encodeEvent({ id: String(++state.made) })];
    } finally {
      state.hasEnded = true;
    }
  }
  return { state, make };
}

test('an event has one data line for any text', () => {
  expect(text(encodeEvent({ id: '7.2', event: 'gate', data: { message: 'a\nb\r\n' } }))).toBe(
    'id: 7.2\nevent: gate\ndata: {"message":"a\\nb\\r\\n"}\n\n',
  );
});

test('an event without data consists only of its id', () => {
  expect(text(encodeEvent({ id: 'acme:17' }))).toBe('id: acme:17\n\n');
});

test('an event is not generated before the reader of its stream is ready for it', async () => {
  const { state, make } = numbers();
  const reader = eventStreamAnswer(asked(), never, make).body!.getReader();
  for (let n = 1; n <= 3; n++)
    expect(await reader.read()).toEqual({ done: false, value: encodeEvent({ id: String(n) }) });
  await new Promise((resolve) => setImmediate(resolve));
  expect(state.made).toBe(3);
  await reader.cancel();
  await eventually(async () => state.hasEnded, { what: 'the events end with their reader' });
});

test('an event stream ends when the process shuts down, and when its client disconnects', async () => {
  const untilAborted = (signal: AbortSignal): AsyncGenerator<readonly Uint8Array[]> =>
    (async function* () {
      yield [encodeEvent({ id: '1' })];
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    })();
  const [gone, drain] = [new AbortController(), new AbortController()];
  const request = () => asked({ signal: gone.signal });
  const drained = eventStreamAnswer(request(), drain.signal, untilAborted).text();
  drain.abort();
  expect(await drained).toBe('id: 1\n\n');
  const left = eventStreamAnswer(request(), never, untilAborted).text();
  gone.abort();
  expect(await left).toBe('id: 1\n\n');
});

test('an event stream whose source fails ends after the events before the failure', async () => {
  async function* broken(): AsyncGenerator<readonly Uint8Array[]> {
    yield [encodeEvent({ id: '1' })];
    throw new Error('the store is down');
  }
  const answer = eventStreamAnswer(asked(), never, broken);
  expect(await answer.text()).toBe('id: 1\n\n');
});

test('a HEAD request for an event stream does not start the stream', () => {
  const answer = eventStreamAnswer(asked({ method: 'HEAD' }), never, () => {
    throw new Error('somebody follows');
  });
  expect([answer.body, answer.headers.get('content-type')]).toEqual([null, 'text/event-stream']);
});

test('an event counts towards the memory share of its client until it has been read, and the stream ends when that share is used up', async () => {
  const shares = new Shares(responseShares);
  const EVENT_BYTES = 1024 * 1024;
  const state = { hasEnded: false };
  async function* large(): AsyncGenerator<readonly Uint8Array[]> {
    try {
      for (;;) yield [new Uint8Array(EVENT_BYTES)];
    } finally {
      state.hasEnded = true;
    }
  }
  const reader = eventStreamAnswer(asked({ unsent: unsentOf(shares) }), never, large).body!.getReader();
  expect(shares.held).toBe(0);
  for (let n = 0; n < 100; n++) {
    await reader.read();
    expect(shares.held).toBe(EVENT_BYTES);
  }
  const others = shares.open(['acme', 'ci']);
  // Takes more than the whole share. So there is no room even after the stream has released its last event.
  others.takeAnyway(shares.room(['acme', 'ci']) + EVENT_BYTES);
  expect((await reader.read()).done).toBe(true);
  expect(state.hasEnded).toBe(true);
});

test('an event stream leaves no timer behind after it has ended, or after its client has disconnected', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
  const before = timers();
  async function* single(): AsyncGenerator<readonly Uint8Array[]> {
    yield [encodeEvent({ id: '1' })];
  }
  const ended = eventStreamAnswer(asked(), never, single);
  const left = eventStreamAnswer(asked(), never, numbers().make).body!.getReader();
  await left.read();
  expect(timers()).toBeGreaterThan(before + 2);
  await ended.text();
  await left.cancel();
  expect(timers()).toBe(before);
});

describe('an idle event stream', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());

  test('sends a comment in each interval to a client that reads, and queues at most one comment for a client that does not', async () => {
    const event = Promise.withResolvers<void>();
    async function* late(): AsyncGenerator<readonly Uint8Array[]> {
      await event.promise;
      yield [encodeEvent({ id: '1' })];
    }
    const reader = eventStreamAnswer(asked(), never, late).body!.getReader();
    const next = async (): Promise<string> =>
      text(((await reader.read()).value as Uint8Array | undefined) ?? new Uint8Array());
    for (let beat = 0; beat < 3; beat++) {
      const read = next();
      // After a read, the stream starts its heartbeat timer in the next turn of the event loop.
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
      vi.advanceTimersByTime(streamLimits.heartbeatMs);
      expect(await read).toBe(': still here\n\n');
    }
    for (let beat = 0; beat < 3; beat++) vi.advanceTimersByTime(streamLimits.heartbeatMs);
    event.resolve();
    expect([await next(), await next()]).toEqual([': still here\n\n', 'id: 1\n\n']);
    await reader.cancel();
  });
});
