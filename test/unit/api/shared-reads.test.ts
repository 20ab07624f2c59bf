import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { sharedReads } from '../../../services/api/operations/shared-reads.ts';

const PATIENCE_MS = 100;

/** Reads that end when the test says so, in the order in which they began. */
function world() {
  const reads: (PromiseWithResolvers<number> & { readonly key: string })[] = [];
  const read = sharedReads<string, number>({
    keyOf: (key) => key,
    read: (key) => {
      const turn = { key, ...Promise.withResolvers<number>() };
      reads.push(turn);
      return turn.promise;
    },
    patienceMs: PATIENCE_MS,
  });
  return { reads, read };
}

/** All that is to happen by itself has happened. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

describe('reads that many share', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('begin at once when none is under way', async () => {
    const { reads, read } = world();
    const first = read('a');
    expect(reads).toHaveLength(1);
    reads[0]!.resolve(1);
    expect(await first).toBe(1);
    await settle();
    const second = read('a');
    expect(reads).toHaveLength(2);
    reads[1]!.resolve(2);
    expect(await second).toBe(2);
  });

  test('give nobody what was read before they asked, and are one for all who ask during another', async () => {
    const { reads, read } = world();
    const first = read('a');
    const later = [read('a'), read('a'), read('a')];
    expect(reads).toHaveLength(1);
    reads[0]!.resolve(1);
    expect(await first).toBe(1);
    await settle();
    expect(reads).toHaveLength(2);
    const latest = read('a');
    reads[1]!.resolve(2);
    expect(await Promise.all(later)).toEqual([2, 2, 2]);
    await settle();
    reads[2]!.resolve(3);
    expect(await latest).toBe(3);
    expect(reads).toHaveLength(3);
  });

  test('begin after the asking also when it comes just as another ends', async () => {
    const { reads, read } = world();
    const first = read('a');
    const asked: Promise<number>[] = [];
    reads[0]!.resolve(1);
    const following = first.then(() => void asked.push(read('a')));
    await following;
    await settle();
    expect(reads).toHaveLength(2);
    reads[1]!.resolve(2);
    expect(await Promise.all(asked)).toEqual([2]);
  });

  test('fail for those who share them alone', async () => {
    const { reads, read } = world();
    const first = read('a');
    const second = read('a');
    reads[0]!.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await settle();
    reads[1]!.resolve(2);
    expect(await second).toBe(2);
  });

  test('of different things wait for nothing of each other', () => {
    const { reads, read } = world();
    void read('a');
    void read('b');
    expect(reads.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  test('that hang keep nobody waiting for longer than their patience', async () => {
    const { reads, read } = world();
    void read('a');
    const second = read('a');
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
    expect(reads).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(reads).toHaveLength(2);
    reads[1]!.resolve(2);
    expect(await second).toBe(2);
  });
});
