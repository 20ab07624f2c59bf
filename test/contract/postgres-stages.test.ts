import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Diagnostic } from '../../core/diagnostic.ts';
import { readQuotas } from '../../services/postgres/quotas.ts';
import { recordStage } from '../../services/postgres/stages.ts';
import { admitted, newTenant, startStore, type Store, times } from '../support/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

const problem = (message: string): Diagnostic => ({
  path: 'a.json',
  line: 1,
  column: 1,
  pointer: '',
  code: 'syntax',
  message,
});

test('the bytes of diagnostics are counted once when their step is repeated, and by the difference when it finds others', async () => {
  const tenant = await newTenant(store);
  const bytes = async () =>
    (await readQuotas(store.db, tenant))!.find(({ quota }) => quota === 'bytes')!.used;
  const id = { tenant, bundle: 'bundle', version: 1 };
  await admitted(store, id);
  const before = await bytes();
  const failed = (...texts: string[]) =>
    recordStage(store.db, id, {
      ...times,
      stage: 'validate',
      state: 'failed',
      diagnostics: texts.map(problem),
    });
  await failed('one');
  const one = await bytes();
  expect(one).toBeGreaterThan(before);
  await failed('one');
  expect(await bytes()).toBe(one);
  await failed('one', 'two');
  expect(await bytes()).toBeGreaterThan(one);
  await failed('one');
  expect(await bytes()).toBe(one);
});
