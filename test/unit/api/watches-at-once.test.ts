import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { watchLimits } from '../../../services/api/limits.ts';
import { Watches } from '../../../services/api/watches/watches.ts';
import { collectGarbage } from '../../support/runs/collect-garbage.ts';
import { eventually } from '../../support/runs/eventually.ts';

const ends: AbortController[] = [];
function signal(): AbortSignal {
  const controller = new AbortController();
  ends.push(controller);
  return controller.signal;
}
afterEach(() => {
  for (const end of ends.splice(0)) end.abort();
});

describe('a client that starts to follow a key while the store is being read', () => {
  /** A watched value. Each load reads the value when it starts, and returns it when the test ends the load. */
  function slow() {
    const thing = { value: 5 };
    const loads: { end: () => void; fail: () => void }[] = [];
    const watches = new Watches<string, number>({
      keyOf: (key) => key,
      tenantOf: () => 'acme',
      load: async (_tenant, keys) => {
        const { value } = thing;
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        loads.push({ end: resolve, fail: () => reject(new Error('the store is down')) });
        await promise;
        return keys.map(() => value);
      },
      perLoad: 10,
      subscribe: () => () => {},
      isSame: (before, now) => before === now,
      recheckMs: 60_000,
    });
    const ended = async (nth: number, how: 'end' | 'fail' = 'end'): Promise<void> => {
      await eventually(async () => loads.length > nth, { what: `load ${nth} began` });
      loads[nth]?.[how]();
    };
    return { thing, watches, ended };
  }

  test('gets the value of the next read, because the current read may return an older value', async () => {
    const { thing, watches, ended } = slow();
    const first = watches.follow('a', signal()).next();
    thing.value = 6;
    const second = watches.follow('a', signal()).next();
    await ended(0);
    expect((await first).value).toBe(5);
    await ended(1);
    expect((await second).value).toBe(6);
  });

  test('does not fail when the current read fails', async () => {
    const { watches, ended } = slow();
    const first = watches.follow('a', signal()).next();
    const second = watches.follow('a', signal()).next();
    await Promise.all([expect(first).rejects.toThrow('the store is down'), ended(0, 'fail')]);
    await ended(1);
    expect((await second).value).toBe(5);
  });
});

test('the followers of a key are notified in portions, and other requests are served in between', async () => {
  let wake = (): void => {};
  const watches = new Watches<string, number>({
    keyOf: (key) => key,
    tenantOf: () => 'acme',
    load: async (_tenant, keys) => keys.map(() => 0),
    perLoad: 10,
    subscribe: (_key, callback) => {
      wake = callback;
      return () => {};
    },
    recheckMs: 60_000,
  });
  const followers = Array.from({ length: 200 }, () => watches.follow('a', signal()));
  await Promise.all(followers.map((values) => values.next()));
  let woken = 0;
  const next = followers.map((values) => values.next().then(() => woken++));
  wake();
  let most = 0;
  for (let before = 0; woken < followers.length; before = woken) {
    await new Promise(setImmediate);
    most = Math.max(most, woken - before);
  }
  await Promise.all(next);
  expect(most).toBeGreaterThan(0);
  // Two portions may fall between two observations of the test, because the first observation was scheduled before
  // the first portion. So the limit is doubled.
  expect(most).toBeLessThanOrEqual(2 * watchLimits.notifiedPerTurn);
});

describe('the retries after a store failure for the readers of many tenants', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test('are spread over time, so the tenants do not all retry at once', async () => {
    const TENANTS = 50;
    const store = { isDown: false, failed: 0 };
    const wakes: (() => void)[] = [];
    const watches = new Watches<string, number>({
      keyOf: (key) => key,
      tenantOf: (key) => key,
      load: async (_tenant, keys) => {
        if (!store.isDown) return keys.map(() => 0);
        store.failed++;
        throw new Error('the store is down');
      },
      perLoad: 10,
      subscribe: (_key, wake) => {
        wakes.push(wake);
        return () => {};
      },
      recheckMs: 1_000_000,
    });
    const followers = Array.from({ length: TENANTS }, (_none, nth) => watches.follow(`${nth}`, signal()));
    await Promise.all(followers.map((values) => values.next()));
    store.isDown = true;
    for (const wake of wakes) wake();
    await new Promise(setImmediate);
    expect(store.failed).toBe(TENANTS);
    const perStep: number[] = [];
    for (let step = 0; step < 10; step++) {
      const before = store.failed;
      await vi.advanceTimersByTimeAsync(watchLimits.retryMs / 10);
      perStep.push(store.failed - before);
    }
    expect(Math.max(...perStep)).toBeLessThan(TENANTS / 2);
    expect(Math.max(...perStep)).toBeGreaterThan(0);
  });
});

describe('a follower of a watched key', () => {
  function changing() {
    let wake = (): void => {};
    const watches = new Watches<string, { readonly text: string }>({
      keyOf: (key) => key,
      tenantOf: () => 'acme',
      load: async (_tenant, keys) => keys.map(() => ({ text: 'x'.repeat(1_000) })),
      perLoad: 10,
      subscribe: (_key, onChange) => {
        wake = onChange;
        return () => {};
      },
      recheckMs: 60_000,
    });
    return { watches, change: () => wake() };
  }

  test('stops immediately when it is ended while it waits, even without its abort signal, and no longer counts as a follower', async () => {
    const { watches } = changing();
    const values = watches.follow('a', signal());
    await values.next();
    const waiting = values.next();
    await values.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(watches.followers).toBe(0);
  });

  test('does not keep its last value in memory while it stalls', async () => {
    const { watches, change } = changing();
    const stalled = watches.follow('a', signal());
    const reading = watches.follow('a', signal());
    const taken = new WeakRef((await stalled.next()).value!);
    await reading.next();
    const next = reading.next();
    change();
    await next;
    await eventually(
      async () => {
        // The engine clears a weak reference only between two turns of the event loop.
        await new Promise(setImmediate);
        collectGarbage();
        return taken.deref() === undefined;
      },
      { what: 'the value is gone' },
    );
    expect(watches.followers).toBe(2);
  });
});
