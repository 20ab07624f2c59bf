import { expect, test } from 'vitest';

import { fairQueue, type Place } from '../../../services/compiler/fair-queue.ts';

const limits = { threads: 2, perTenant: 1, queued: 20, queuedPerTenant: 4 };
const never = (): Promise<string> => new Promise(() => undefined);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Adds that many jobs, and counts those that are refused at once. */
async function refusedOf(queue: ReturnType<typeof fairQueue>, tenant: string, jobs: number, long = true) {
  let refused = 0;
  for (let nth = 0; nth < jobs; nth++)
    void queue.run(tenant, never, { long }).then((ended) => (refused += ended === 'busy' ? 1 : 0));
  await turn();
  return refused;
}

test('long jobs that wait for a place for long jobs count within the bound of their tenant', async () => {
  const queue = fairQueue(limits);
  await refusedOf(queue, 'first', 1);
  expect(await refusedOf(queue, 'second', 10)).toBe(6);
  expect(queue.waiting).toBe(4);
  expect(queue.isFullFor('second', { long: true })).toBe(true);
});

test('jobs that are not long wait behind the long ones of their tenant and count within the same bound', async () => {
  const queue = fairQueue(limits);
  await refusedOf(queue, 'first', 1);
  await refusedOf(queue, 'second', 2);
  expect(await refusedOf(queue, 'second', 10, false)).toBe(8);
  expect(queue.waiting).toBe(4);
});

test('long jobs count within the bounds also when a job that became long holds the place for long jobs', async () => {
  const queue = fairQueue(limits);
  const becomes = Promise.withResolvers<boolean>();
  void queue.run('first', ({ becomeLong }: Place) => {
    becomes.resolve(becomeLong());
    return never();
  });
  expect(await becomes.promise).toBe(true);
  expect(await refusedOf(queue, 'second', 10)).toBe(6);
  expect(queue.waiting).toBe(4);
});

test('a tenant of which nothing waits is taken even when long jobs of other tenants fill the whole queue', async () => {
  const queue = fairQueue(limits);
  await refusedOf(queue, 'first', 1);
  for (let nth = 0; nth < 7; nth++) await refusedOf(queue, `greedy-${nth}`, 10);
  // The bound of all, and one of each tenant that came when it was reached.
  expect(queue.waiting).toBe(limits.queued + 2);
  expect(queue.isFullFor('third')).toBe(false);
  expect(queue.isFullFor('fourth', { long: true })).toBe(false);
  // One place is free of long jobs.
  expect(await queue.run('third', async () => 'ran')).toBe('ran');
  expect(await refusedOf(queue, 'fourth', 2)).toBe(1);
});
