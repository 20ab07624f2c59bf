import { expect, test } from 'vitest';

import { followed } from '../../../services/api/watches/followed.ts';

function counted(produce: () => Promise<number | undefined>) {
  const ends = { count: 0 };
  const values = followed(produce, () => void ends.count++);
  return { values, ends };
}

test('a followed stream is cleaned up exactly once, whether it ends, fails or is left by its consumer', async () => {
  const ended = counted(async () => undefined);
  expect(await ended.values.next()).toEqual({ done: true, value: undefined });
  await ended.values.next();
  const broken = counted(async () => Promise.reject(new Error('the store is down')));
  await expect(broken.values.next()).rejects.toThrow('the store is down');
  expect((await broken.values.next()).done).toBe(true);
  const left = counted(async () => 1);
  for await (const value of left.values) {
    expect(value).toBe(1);
    break;
  }
  await left.values.return();
  expect([ended, broken, left].map(({ ends }) => ends.count)).toEqual([1, 1, 1]);
});
