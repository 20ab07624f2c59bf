import { expect, test } from 'vitest';

import { catchUp, type Target } from '../../../packages/client/follower/catch-up.ts';

/** Creates a follower whose fetches end when the test ends them. */
function rig() {
  const end = new AbortController();
  const begun: number[] = [];
  const abandoned: number[] = [];
  let running = 0;
  let finish = (): void => {};
  const fetchAndSwap = (target: Target, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      begun.push(target.generation);
      finish = () => {
        running = target.generation;
        resolve();
      };
      signal.addEventListener('abort', () => {
        abandoned.push(target.generation);
        reject(signal.reason as Error);
      });
    });
  const isAhead = (generation: number): boolean => generation > running;
  const goes = catchUp({ isAhead, fetchAndSwap, onFailure: () => {}, signal: end.signal });
  const want = (generation: number): void => goes.want({ generation, version: 1, digest: 'sha256:x' });
  const settle = (): Promise<unknown> => new Promise((resolve) => void setImmediate(resolve));
  return { goes, want, settle, begun, abandoned, end, finish: () => finish(), running: () => running };
}

test('the fetch of a newer generation replaces the running fetch, and an older generation is not fetched', async () => {
  const { want, settle, begun, abandoned, finish, running, goes } = rig();
  want(1);
  want(3);
  want(2);
  await settle();
  expect([begun, abandoned, goes.wanted]).toEqual([[1, 3], [1], 3]);
  finish();
  await goes.idle();
  want(3);
  expect([running(), begun, goes.wanted]).toEqual([3, [1, 3], null]);
});

test('moves of a pointer that come faster than fetches are still applied, because a second fetch is not replaced', async () => {
  const { want, settle, begun, abandoned, finish, running } = rig();
  for (const generation of [1, 2, 3, 4]) {
    want(generation);
    await settle();
  }
  expect([begun, abandoned]).toEqual([[1, 2], [1]]);
  finish();
  await settle();
  expect([running(), begun]).toEqual([2, [1, 2, 4]]);
});

test('closing a follower aborts its fetch, and no other fetch begins', async () => {
  const { want, goes, begun, end, settle } = rig();
  want(1);
  end.abort(new Error('closed'));
  await goes.idle();
  want(2);
  await settle();
  expect(begun).toEqual([1]);
});
