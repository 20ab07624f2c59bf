import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { expect, test } from 'vitest';

import { deadlineOf } from '../../../services/api/responses/deadline.ts';
import { eventually } from '../../support/runs/eventually.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const HOUR_MS = 3_600_000;

test('aborts when the time is over, and with any of its signals', async () => {
  const draining = new AbortController();
  const short = deadlineOf([draining.signal], 1);
  await eventually(async () => short.signal.aborted, { what: 'the time is over' });
  const long = deadlineOf([draining.signal], HOUR_MS);
  expect(long.signal.aborted).toBe(false);
  draining.abort();
  expect(long.signal.aborted).toBe(true);
  long.clear();
});

test('leaves nothing in memory when it was cleared, long before its time is over', async () => {
  const COUNT = 10_000;
  const draining = new AbortController().signal;
  const onAbort = (): void => {};
  const make = (): void => {
    const { signal, clear } = deadlineOf([new AbortController().signal, draining], HOUR_MS);
    signal.addEventListener('abort', onAbort);
    signal.removeEventListener('abort', onAbort);
    clear();
  };
  const bytes = async (): Promise<number> => {
    for (let time = 0; time < 4; time++) {
      collectGarbage();
      // Weak references are cleared between two turns.
      await new Promise(setImmediate);
    }
    return process.memoryUsage().heapUsed;
  };
  for (let nth = 0; nth < 100; nth++) make();
  const before = await bytes();
  for (let nth = 0; nth < COUNT; nth++) make();
  // AbortSignal.timeout keeps some 800 bytes of each.
  await eventually(async () => (await bytes()) - before < 100 * COUNT, { what: 'they are gone' });
});
