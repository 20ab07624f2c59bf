import { expect, test } from 'vitest';

import type { QuotaName } from '../../../../packages/protocol/quota.ts';
import { quotaChange, shownAmount } from '../../../../packages/cli/commands/tenants/quota-amounts.ts';

test('the limit of a quota is a number, a number with a unit, or the default, and the last value of a quota applies', () => {
  const changes = ['bytes=20GiB', 'hooks=10', 'tokens=default', 'hooks=0'].reduce<
    ReadonlyMap<QuotaName, number | null>
  >((before, text) => quotaChange(text, before), new Map());
  expect([...changes]).toEqual([
    ['bytes', 20 * 2 ** 30],
    ['hooks', 0],
    ['tokens', null],
  ]);
});

test.each([
  '',
  'bytes',
  'bytes=',
  'cats=1',
  'constructor=1',
  'bytes=-1',
  'bytes=1.5',
  'bytes=1GB',
  'bytes=9999TiB9',
  'bytes=9999999999999999',
])('the quota setting "%s" is refused', (text) => {
  expect(() => quotaChange(text)).toThrow(/^(?:It must be a quota|A limit must be)/);
});

test('a number of bytes is printed in the largest unit that it fills', () => {
  expect(shownAmount('bytes', 0)).toBe('0 bytes');
  expect(shownAmount('bytes', 1_023)).toBe('1023 bytes');
  expect(shownAmount('bytes', 1_536)).toBe('1.5 KiB');
  expect(shownAmount('bytes', 10 * 2 ** 30)).toBe('10 GiB');
  expect(shownAmount('hooks', 2_048)).toBe('2048');
});
