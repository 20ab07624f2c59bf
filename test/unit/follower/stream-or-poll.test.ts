import { Readable } from 'node:stream';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { ControlPlane } from '../../../packages/client/follower/control-plane.ts';
import { streamOrPoll } from '../../../packages/client/follower/hints/stream-or-poll.ts';
import { followLimits } from '../../../packages/client/follower/limits.ts';

const pointer = { generation: 1, version: 1, digest: `sha256:${'a'.repeat(64)}`, movedAt: null, hold: null };

/** An API whose event streams are these texts, in order. The last one is repeated. Null is a response without a stream. */
function planeWith(...streams: (string | null | Error)[]) {
  const asked: string[] = [];
  const plane = {
    pointer: async () => {
      asked.push('poll');
      return { ...pointer, generation: asked.length };
    },
    pointerStream: async () => {
      asked.push('stream');
      const text = streams.length > 1 ? streams.shift() : streams[0];
      if (text instanceof Error) throw text;
      return text === null || text === undefined ? null : Readable.from([Buffer.from(text)]);
    },
  } as unknown as ControlPlane;
  return { plane, asked };
}

const EVENT = `event: pointer\ndata: ${JSON.stringify(pointer)}\n\n`;

/** Reads the next hint of a source, as a follower does, or the end of the source. */
async function next(source: ReturnType<typeof streamOrPoll>): Promise<string> {
  const end = new AbortController();
  try {
    for await (const { kind } of source(end.signal)) return kind;
    return 'ended';
  } catch {
    return 'failed';
  } finally {
    end.abort();
  }
}

test('a follower reads the event stream as long as each stream brings an event', async () => {
  const { plane, asked } = planeWith(EVENT);
  const source = streamOrPoll(plane);
  for (let n = 0; n < 5; n++) expect(await next(source)).toBe('pointer');
  expect(asked).toEqual(Array.from({ length: 5 }, () => 'stream'));
});

describe.each([
  ['end without an event', ''],
  ['contain only comments', ': keep-alive\n\n'],
  ['are not event streams', null],
])('if its streams %s', (_why, silent) => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('a follower long-polls while event streams bring no event, and then reads streams again', async () => {
    const { plane, asked } = planeWith(silent, silent, EVENT);
    const source = streamOrPoll(plane);
    for (let n = 0; n < followLimits.silentStreams; n++) expect(await next(source)).not.toBe('pointer');
    for (let n = 0; n < 3; n++) expect(await next(source)).toBe('pointer');
    expect(asked).toEqual(['stream', 'stream', 'poll', 'poll', 'poll']);
    vi.advanceTimersByTime(followLimits.pollInsteadMs);
    expect(await next(source)).toBe('pointer');
    expect(asked.at(-1)).toBe('stream');
  });
});

test('a follower does not long-poll because streams cannot be opened, or because a stream ends after an event', async () => {
  const { plane, asked } = planeWith(new Error('refused'), '', EVENT, '', new Error('refused'), EVENT);
  const source = streamOrPoll(plane);
  for (let n = 0; n < 6; n++) await next(source);
  expect(asked).toEqual(Array.from({ length: 6 }, () => 'stream'));
});
