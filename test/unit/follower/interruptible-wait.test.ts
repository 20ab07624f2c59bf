import { getEventListeners } from 'node:events';

import { expect, test } from 'vitest';

import { InterruptibleWait } from '../../../packages/client/follower/interruptible-wait.ts';

test('an interruptible wait ends at an interrupt, at its timeout and when its signal aborts, and leaves no listener behind', async () => {
  const bell = new InterruptibleWait();
  const end = new AbortController();
  for (let n = 0; n < 20; n++) {
    const rung = bell.wait(60_000, end.signal);
    bell.interrupt();
    await rung;
    await bell.wait(0, end.signal);
  }
  expect(getEventListeners(end.signal, 'abort')).toEqual([]);
  const waiting = bell.wait(60_000, end.signal);
  end.abort();
  await waiting;
  expect(getEventListeners(end.signal, 'abort')).toEqual([]);
});

test('an interrupt that comes before an interruptible wait is not lost', async () => {
  const bell = new InterruptibleWait();
  bell.interrupt();
  const never = new Promise((resolve) => void setTimeout(resolve, 5_000, 'never').unref());
  const rung = bell.wait(60_000, new AbortController().signal).then(() => 'rung');
  expect(await Promise.race([rung, never])).toBe('rung');
});
