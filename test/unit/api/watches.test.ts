import { afterEach, describe, expect, test } from 'vitest';

import { watchLimits } from '../../../services/api/limits.ts';
import { Watches } from '../../../services/api/watches/watches.ts';
import { eventually } from '../../support/runs/eventually.ts';

/** A watched value. The test sets and announces it. The watch counts its loads. */
function watched({ recheckMs = 60_000, isSame = (_before: number, _now: number): boolean => false } = {}) {
  const wakes = new Set<() => void>();
  const thing = {
    value: 0,
    loads: 0,
    before: null as number | null,
    fails: false,
    subscriptions: wakes,
    wake: () => [...wakes].map((wake) => wake()),
  };
  const watches = new Watches<string, number>({
    keyOf: (key) => key,
    tenantOf: () => 'acme',
    load: async (_tenant, keys) => {
      thing.loads++;
      thing.before = keys[0]?.before ?? null;
      if (thing.fails) throw new Error('the store is down');
      return keys.map(() => thing.value);
    },
    perLoad: 10,
    subscribe: (_key, wake) => {
      wakes.add(wake);
      return () => wakes.delete(wake);
    },
    isSame,
    recheckMs,
  });
  return { thing, watches };
}

const ends: AbortController[] = [];
function signal(): AbortSignal {
  const controller = new AbortController();
  ends.push(controller);
  return controller.signal;
}
afterEach(() => {
  for (const end of ends.splice(0)) end.abort();
});

test('a follower gets the current value of its key and then each change that was notified', async () => {
  const { thing, watches } = watched();
  const values = watches.follow('a', signal());
  expect((await values.next()).value).toBe(0);
  thing.value = 1;
  const next = values.next();
  thing.wake();
  expect((await next).value).toBe(1);
});

test('a periodic check finds a change without a notification', async () => {
  const { thing, watches } = watched({ recheckMs: 10 });
  const values = watches.follow('a', signal());
  await values.next();
  thing.value = 1;
  await eventually(async () => (await values.next()).value === 1, { what: 'the new value' });
});

test('a change during a read of the store causes another read, because the first one may return an older value', async () => {
  const { thing, watches } = watched();
  const values = watches.follow('a', signal());
  await values.next();
  const before = thing.loads;
  const next = values.next();
  thing.wake();
  thing.wake();
  thing.wake();
  await next;
  await values.next();
  expect(thing.loads).toBe(before + 2);
});

test('all followers of one key share each read of the store', async () => {
  const { thing, watches } = watched();
  const followers = Array.from({ length: 100 }, () => watches.follow('a', signal()));
  await Promise.all(followers.map((values) => values.next()));
  expect(thing.loads).toBeLessThan(4);
  expect(thing.subscriptions.size).toBe(1);
  const before = thing.loads;
  const next = followers.map((values) => values.next());
  thing.wake();
  await Promise.all(next);
  expect(thing.loads).toBe(before + 1);
});

test('an abort ends the wait of a follower immediately, and leaves no subscription behind', async () => {
  const { thing, watches } = watched();
  const end = new AbortController();
  const values = watches.follow('a', end.signal);
  await values.next();
  const waiting = values.next();
  end.abort();
  expect((await waiting).done).toBe(true);
  expect([thing.subscriptions.size, watches.followers]).toEqual([0, 0]);
});

test('a follower with an already aborted signal ends before its first value', async () => {
  const { watches } = watched();
  expect((await watches.follow('a', AbortSignal.abort()).next()).done).toBe(true);
  expect(watches.followers).toBe(0);
});

test('a store failure is reported to the followers that wait, and the next follower reads the store again', async () => {
  const { thing, watches } = watched();
  thing.fails = true;
  await expect(watches.follow('a', signal()).next()).rejects.toThrow('the store is down');
  thing.fails = false;
  expect((await watches.follow('a', signal()).next()).value).toBe(0);
});

describe('a watch that skips unchanged values', () => {
  const isSame = (before: number, now: number): boolean => before === now;

  test('does not notify its followers of an unchanged value, and notifies them of the next change', async () => {
    const { thing, watches } = watched({ isSame });
    const values = watches.follow('a', signal());
    await values.next();
    const next = values.next();
    const { loads } = thing;
    thing.wake();
    await eventually(async () => thing.loads > loads, { what: 'the value was loaded again' });
    thing.value = 1;
    thing.wake();
    expect((await next).value).toBe(1);
  });

  test('gives a new follower the current value, although it has not changed', async () => {
    const { watches } = watched({ isSame });
    await watches.follow('a', signal()).next();
    expect((await watches.follow('a', signal()).next()).value).toBe(0);
  });

  test('gives a busy follower the change that it missed, even after a later read without a change', async () => {
    const { thing, watches } = watched({ isSame });
    const [busy, other] = [watches.follow('a', signal()), watches.follow('a', signal())];
    await Promise.all([busy.next(), other.next()]);
    thing.value = 1;
    thing.wake();
    await other.next();
    const { loads } = thing;
    thing.wake();
    await eventually(async () => thing.loads > loads, { what: 'the value was loaded again' });
    expect((await busy.next()).value).toBe(1);
  });

  test('hides a short store failure from followers that wait, and they get the next change', async () => {
    const { thing, watches } = watched({ isSame });
    const values = watches.follow('a', signal());
    await values.next();
    const next = values.next();
    await failing(thing, watchLimits.failures - 1);
    thing.fails = false;
    thing.value = 1;
    thing.wake();
    expect((await next).value).toBe(1);
  });

  test('reports a long store failure to followers that wait', async () => {
    const { thing, watches } = watched({ isSame });
    const values = watches.follow('a', signal());
    await values.next();
    const next = values.next();
    next.catch(() => {});
    await failing(thing, watchLimits.failures);
    await expect(next).rejects.toThrow('the store is down');
  });

  /** Waits for that many failed loads. */
  async function failing(thing: ReturnType<typeof watched>['thing'], looks: number): Promise<void> {
    thing.fails = true;
    for (let look = 0; look < looks; look++) {
      const { loads } = thing;
      thing.wake();
      await eventually(async () => thing.loads > loads, { what: 'a load' });
    }
  }
});

test('each read of the store receives the result of the previous read', async () => {
  const { thing, watches } = watched();
  const values = watches.follow('a', signal());
  await values.next();
  expect(thing.before).toBeNull();
  thing.value = 7;
  thing.wake();
  await eventually(async () => (await values.next()).value === 7, { what: 'the new value' });
  thing.wake();
  await values.next();
  expect(thing.before).toBe(7);
});

describe('the keys that many readers of a tenant follow', () => {
  /** Counts loads. Each load ends when the test ends it. */
  function loading(recheckMs = 60_000) {
    const wakes = new Map<string, () => void>();
    const loads: { tenant: string; keys: readonly string[]; end: () => void }[] = [];
    const watches = new Watches<string, string>({
      keyOf: (key) => key,
      tenantOf: (key) => key.split('/')[0] ?? '',
      load: async (tenant, asked) => {
        const keys = asked.map(({ key }) => key);
        await new Promise<void>((end) => void loads.push({ tenant, keys, end }));
        return keys;
      },
      perLoad: 10,
      isSame: () => true,
      subscribe: (key, wake) => {
        wakes.set(key, wake);
        return () => wakes.delete(key);
      },
      recheckMs,
    });
    let ended = 0;
    /** Ends all loads, and the loads that begin afterwards, until no new load begins. */
    const endAll = async (): Promise<void> => {
      for (; ended < loads.length; await new Promise(setImmediate)) loads[ended++]?.end();
    };
    return { wakes, loads, watches, endAll };
  }
  const follow = (watches: Watches<string, string>, names: readonly string[]) =>
    names.map((name) => watches.follow(name, signal()).next());
  const named = (tenant: string, count: number) =>
    Array.from({ length: count }, (_none, i) => `${tenant}/${i}`);

  test('are read from the store in batches, one at a time, and a read for another tenant does not wait for these batches', async () => {
    const { loads, watches, endAll } = loading();
    const first = follow(watches, named('acme', 101));
    const other = follow(watches, ['other/0']);
    expect(loads.map(({ tenant, keys }) => [tenant, keys.length])).toEqual([
      ['acme', 1],
      ['other', 1],
    ]);
    await endAll();
    await Promise.all([...first, ...other]);
    expect(loads.map(({ tenant, keys }) => [tenant, keys.length]).slice(2)).toEqual(
      Array.from({ length: 10 }, () => ['acme', 10]),
    );
  });

  test('are all read again even without a notification, each once per round', async () => {
    const { loads, watches, endAll } = loading(10);
    const names = named('acme', 25);
    const first = follow(watches, names);
    await endAll();
    await Promise.all(first);
    const before = loads.length;
    await eventually(async () => loads.length > before, { what: 'the next round' });
    await endAll();
    const round = loads.slice(before, before + 3).flatMap(({ keys }) => keys);
    expect(new Set(round)).toEqual(new Set(names));
  });

  test('are read first when a change of them was notified, and unchanged keys are read after them', async () => {
    const { wakes, loads, watches, endAll } = loading(10);
    const first = follow(watches, named('acme', 100));
    await endAll();
    await Promise.all(first);
    const before = loads.length;
    await eventually(async () => loads.length > before, { what: 'the next round' });
    wakes.get('acme/99')?.();
    loads.at(-1)?.end();
    await eventually(async () => loads.length > before + 1, { what: 'the load after it' });
    expect(loads[before + 1]?.keys[0]).toBe('acme/99');
    await endAll();
  });

  test('are read one batch at a time, even when followers come and go', async () => {
    const { loads, watches, endAll } = loading();
    for (let time = 0; time < 5; time++) {
      const end = new AbortController();
      const next = watches.follow('acme/0', end.signal).next();
      end.abort();
      expect((await next).done).toBe(true);
    }
    expect(loads).toHaveLength(1);
    await endAll();
    expect(loads).toHaveLength(1);
  });
});

test('after a failed read of the store, the next read starts without a notification', async () => {
  const { thing, watches } = watched();
  const values = watches.follow('a', signal());
  await values.next();
  const next = values.next();
  thing.fails = true;
  const { loads } = thing;
  thing.wake();
  await eventually(async () => thing.loads > loads, { what: 'the value was loaded again' });
  [thing.fails, thing.value] = [false, 1];
  expect((await next).value).toBe(1);
});
