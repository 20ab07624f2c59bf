import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Diagnostic } from '../../../packages/protocol/releases/diagnostic.ts';
import { readQuotas } from '../../../services/postgres/tenants/quotas.ts';
import { recordStage } from '../../../services/postgres/releases/stages.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { admitted, connect, newTenant, startStore, type Store, times } from '../../support/worlds/store.ts';

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

test('a repeated stage counts its diagnostics against the quota once, or adds the difference if they changed', async () => {
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

test('each transaction that changes the stages or the gates of a release notifies its readers', async () => {
  const tenant = await newTenant(store);
  const id = { tenant, bundle: 'bundle', version: 1 };
  await admitted(store, id);
  const listener = await connect(store.postgres.appUrl);
  try {
    const notices: unknown[] = [];
    listener.on('notification', ({ payload }) => void notices.push(JSON.parse(payload ?? '')));
    await listener.query('LISTEN pointsman');
    const progress = { tenant, bundle: 'bundle', channel: null, version: 1, kind: 'progress' };
    const gate = `INSERT INTO gates (tenant, bundle, version, gate, ordinal, kind, rule, opened_at)
      VALUES ($1, 'bundle', 1, 'schedule', 0, 'schedule', '{}', now())`;
    await store.db.call(tenant, gate, [tenant]);
    const changes = [
      `SELECT record_gate_change(g, 'opened', now()) FROM gates g WHERE g.tenant = $1`,
      `INSERT INTO stages (tenant, bundle, version, stage, state, started_at) VALUES ($1, 'bundle', 1, 'gate', 'running', now())`,
      `UPDATE stages SET state = 'passed', finished_at = now() WHERE (tenant, bundle, version, stage) = ($1, 'bundle', 1, 'gate')`,
    ];
    for (const [nth, change] of changes.entries()) {
      await store.db.call(tenant, change, [tenant]);
      await eventually(async () => notices.length > nth, { what: `the notice of: ${change}` });
    }
    expect(notices).toEqual([progress, progress, progress]);
  } finally {
    await listener.end();
  }
});
