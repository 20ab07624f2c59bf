import { expect, test } from 'vitest';

import { fairQueue, type JobSlot, type RunAgain } from '../../../../services/compiler/turns/fair-queue.ts';
import { type Standing, tenantStandings } from '../../../../services/compiler/turns/tenant-standings.ts';
import type { JobOptions } from '../../../../services/compiler/turns/turns.ts';

const limits = { threads: 2, perTenant: 1, queued: 20, queuedPerTenant: 4 };
const never = (): Promise<string> => new Promise(() => undefined);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Adds that many jobs, and returns the number of those that are refused immediately. */
async function refusedOf(queue: ReturnType<typeof fairQueue>, tenant: string, jobs: number, long = true) {
  let refused = 0;
  for (let nth = 0; nth < jobs; nth++)
    void queue.run(tenant, never, { long }).then((ended) => (refused += ended === 'busy' ? 1 : 0));
  await turn();
  return refused;
}

test('long jobs that wait for a slot for long jobs count against the queue limit of their tenant', async () => {
  const queue = fairQueue(limits);
  await refusedOf(queue, 'first', 1);
  expect(await refusedOf(queue, 'second', 10)).toBe(6);
  expect(queue.waiting).toBe(4);
  expect(queue.isFullFor('second', { long: true })).toBe(true);
});

test('jobs that are not long wait behind the long jobs of their tenant, and count against the same queue limit', async () => {
  const queue = fairQueue(limits);
  await refusedOf(queue, 'first', 1);
  await refusedOf(queue, 'second', 2);
  expect(await refusedOf(queue, 'second', 10, false)).toBe(8);
  expect(queue.waiting).toBe(4);
});

test('waiting long jobs count against the queue limits while a job that became long occupies their slot', async () => {
  const queue = fairQueue(limits);
  const becomes = Promise.withResolvers<boolean>();
  void queue.run('first', ({ becomeLong }: JobSlot) => {
    becomes.resolve(becomeLong());
    return never();
  });
  expect(await becomes.promise).toBe(true);
  expect(await refusedOf(queue, 'second', 10)).toBe(6);
  expect(queue.waiting).toBe(4);
});

test('a tenant without a waiting job can add a job even when long jobs of other tenants fill the queue', async () => {
  const queue = fairQueue(limits);
  await refusedOf(queue, 'first', 1);
  for (let nth = 0; nth < 7; nth++) await refusedOf(queue, `greedy-${nth}`, 10);
  // The queue has reached its total limit. In addition it has accepted one job of each of the two tenants that came
  // later.
  expect(queue.waiting).toBe(limits.queued + 2);
  expect(queue.isFullFor('third')).toBe(false);
  expect(queue.isFullFor('fourth', { long: true })).toBe(false);
  // Long jobs never occupy the last running slot, so this job runs at once.
  expect(await queue.run('third', async () => 'ran')).toBe('ran');
  expect(await refusedOf(queue, 'fourth', 2)).toBe(1);
});

/** A queue whose jobs run until the test ends them, and the names of the started jobs. */
function recordedQueue(standings: Map<string, Standing>, threads = 1) {
  const queue = fairQueue(
    { ...limits, threads, queued: 100 },
    { standingOf: (tenant) => standings.get(tenant) ?? 'quick', quickPerSlow: 2 },
  );
  const started: string[] = [];
  const slots = new Map<string, JobSlot>();
  const results = new Map<string, string>();
  const ends = new Map<string, (result: string | RunAgain) => void>();
  const add = async (tenant: string, name: string, options: JobOptions = {}): Promise<void> => {
    const job = (slot: JobSlot): Promise<string | RunAgain> => {
      started.push(name);
      slots.set(name, slot);
      return new Promise((resolve) => ends.set(name, resolve));
    };
    void queue.run(tenant, job, options).then((result) => results.set(name, result));
    await turn();
  };
  const end = async (name: string, result: string | RunAgain = name): Promise<void> => {
    ends.get(name)?.(result);
    await turn();
  };
  return { queue, started, slots, results, add, end };
}

test('a quick job starts before all waiting slow jobs, however many tenants these belong to', async () => {
  const { started, add, end } = recordedQueue(new Map());
  await add('first', 'runs');
  for (let nth = 0; nth < 10; nth++) await add(`evil-${nth}`, `slow-${nth}`, { slow: true });
  await add('honest', 'quick');
  await end('runs');
  expect(started).toEqual(['runs', 'quick']);
});

test('a slow job starts after a fixed number of quick jobs', async () => {
  const { started, add, end } = recordedQueue(new Map());
  await add('first', 'runs');
  await add('cold', 'slow', { slow: true });
  for (let nth = 0; nth < 5; nth++) await add(`quick-${nth}`, `quick-${nth}`);
  await end('runs');
  await end('quick-0');
  await end('quick-1');
  expect(started).toEqual(['runs', 'quick-0', 'quick-1', 'slow']);
});

test('a waiting job is classified when it could start, by what its tenant has done in the meantime', async () => {
  const standings = new Map<string, Standing>();
  const { started, slots, add, end } = recordedQueue(standings, 2);
  await add('evil-1', 'long-1');
  slots.get('long-1')?.becomeLong();
  await add('evil-2', 'evil-2a');
  await add('evil-2', 'evil-2b');
  await add('honest', 'quick');
  standings.set('evil-2', 'long');
  await end('evil-2a');
  await end('quick');
  expect(started).toEqual(['long-1', 'evil-2a', 'quick']);
  await end('long-1');
  expect(started.at(-1)).toBe('evil-2b');
});

test('only a job that started as a quick one must yield its slot, and only to a quick job of another tenant', async () => {
  const { slots, add, end } = recordedQueue(new Map());
  const yields = (name: string): boolean | undefined => slots.get(name)?.shouldYield();
  await add('a', 'a1');
  await add('a', 'a2');
  await add('b', 'b1', { slow: true });
  await add('c', 'c1', { long: true });
  expect(yields('a1')).toBe(false);
  await add('d', 'd1');
  expect(yields('a1')).toBe(true);
  for (const name of ['a1', 'c1', 'd1', 'a2']) await end(name);
  await add('e', 'e1');
  expect(yields('b1')).toBe(false);
});

test('a job that yielded its slot runs again before the other jobs of its tenant, and never gets the result "busy"', async () => {
  const { queue, started, results, add, end } = recordedQueue(new Map());
  await add('a', 'a1');
  for (let nth = 2; nth <= 5; nth++) await add('a', `a${nth}`);
  expect(queue.isFullFor('a')).toBe(true);
  await add('b', 'b1');
  await end('a1', { runAgainAs: 'slow' });
  expect(started).toEqual(['a1', 'b1']);
  expect(queue.waiting).toBe(5);
  await end('b1');
  expect(started).toEqual(['a1', 'b1', 'a1']);
  await end('a1');
  await end('a2');
  expect(started).toEqual(['a1', 'b1', 'a1', 'a2', 'a3']);
  expect([...results]).toEqual([
    ['b1', 'b1'],
    ['a1', 'a1'],
    ['a2', 'a2'],
  ]);
});

test('a job that is restarted as a long one waits for a slot for long jobs, and so do the other jobs of its tenant', async () => {
  const { started, slots, results, add, end } = recordedQueue(new Map(), 2);
  await add('a', 'a1');
  expect(slots.get('a1')?.becomeLong()).toBe(true);
  await add('b', 'b1');
  await add('b', 'b2');
  expect(slots.get('b1')?.becomeLong()).toBe(false);
  await end('b1', { runAgainAs: 'long' });
  await add('c', 'c1');
  expect(started).toEqual(['a1', 'b1', 'c1']);
  await end('a1');
  expect(started).toEqual(['a1', 'b1', 'c1', 'b1']);
  await end('b1');
  expect(results.get('b1')).toBe('b1');
});

test('a job that yielded its slot to another tenant is refused when the queue is closed before its next turn', async () => {
  const queue = fairQueue(limits);
  const made = Promise.withResolvers<RunAgain>();
  const ended = queue.run('a', () => made.promise);
  queue.close();
  made.resolve({ runAgainAs: 'slow' });
  await expect(ended).rejects.toThrow('closed');
});

test('the classification of a tenant as slow or long expires, and the number of stored classifications is limited', () => {
  let now = 5;
  const standings = tenantStandings({ standingMs: 100, standingsKept: 3 }, () => now);
  standings.mark('a', 'long');
  standings.mark('b', 'slow');
  now = 50;
  standings.mark('a', 'slow');
  expect([standings.of('a'), standings.of('b'), standings.of('c')]).toEqual(['long', 'slow', 'quick']);
  now = 120;
  expect([standings.of('a'), standings.of('b')]).toEqual(['slow', 'quick']);
  for (const tenant of ['x', 'y', 'z']) standings.mark(tenant, 'long');
  expect([standings.of('a'), standings.of('x'), standings.of('z')]).toEqual(['quick', 'long', 'long']);
});
