import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { sharedReads } from '../../../services/api/operations/shared-reads.ts';

const PATIENCE_MS = 100;

/** Reads that the test ends one by one, in the order in which they began. */
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

/** Lets all promises and timers run that are due. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

describe('a read of the store that concurrent requests share', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('begins immediately when no other read is in progress', async () => {
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

  test('never gives a request a result from before its arrival, and serves all requests that arrived during the previous read', async () => {
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

  test('begins again for a request that arrives just when the previous read ends', async () => {
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

  test('fails only for the requests that share it', async () => {
    const { reads, read } = world();
    const first = read('a');
    const second = read('a');
    reads[0]!.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await settle();
    reads[1]!.resolve(2);
    expect(await second).toBe(2);
  });

  test('does not wait for the read of another key', () => {
    const { reads, read } = world();
    void read('a');
    void read('b');
    expect(reads.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  test('is delayed only for a limited time by an earlier read that hangs', async () => {
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
