import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { retentionLimits } from '../../../core/limits/storage-limits.ts';
import { findBlob } from '../../../services/postgres/content/blobs.ts';
import { forgetAudit, forgetKeys } from '../../../services/postgres/upkeep/retention.ts';
import { createToken, type NewToken } from '../../../services/postgres/tenants/tokens.ts';
import { storageSweep } from '../../../services/worker/sweep/sweep-storage.ts';
import { contradictionsSeenBy } from '../../support/runs/record-check.ts';
import {
  admitRequest,
  AT,
  handRequest,
  newTenant,
  published,
  putSource,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
let tenant: string;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());
beforeEach(async () => {
  tenant = await newTenant(store);
});

test('one tenant’s content that can’t be swept does not stop the sweep of other tenants or the deletion of expired rows', async () => {
  const other = await newTenant(store);
  const lines: unknown[] = [];
  await putSource(store, tenant, 'stuck');
  await putSource(store, other, 'refused');
  for (const table of ['sources', 'blobs'])
    await store.owner.query(
      `UPDATE pointsman.${table} SET check_at = now() - interval '1 minute' WHERE tenant = ANY ($1)`,
      [[tenant, other]],
    );
  await published(store, { tenant: other, bundle: 'bundle', version: 1 });
  // The foreign key of this table makes the database refuse to delete the source.
  await store.owner.query(
    'CREATE TABLE pointsman.in_the_way (tenant text, digest text, FOREIGN KEY (tenant, digest) REFERENCES pointsman.sources)',
  );
  try {
    await store.owner.query(
      'INSERT INTO pointsman.in_the_way SELECT tenant, digest FROM pointsman.sources WHERE tenant = $1',
      [tenant],
    );
    const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line)) });
    const clock = { now: () => AT + retentionLimits.keysMs + 1 };
    await storageSweep()({ db: store.db, clock, auditMs: 0, log });
  } finally {
    await store.owner.query('DROP TABLE pointsman.in_the_way');
  }
  expect(lines).toMatchObject([{ tenant }]);
  expect(await findBlob(store.db, tenant, digestOf('stuck'))).not.toBeNull();
  expect(await findBlob(store.db, other, digestOf('refused'))).toBeNull();
  expect((await store.owner.query('SELECT FROM pointsman.audit WHERE tenant = $1', [other])).rowCount).toBe(
    0,
  );
});

test('idempotency keys and audit rows younger than the shortest retention can’t be deleted, whatever time the caller passes', async () => {
  const request = await admitRequest(store, { tenant, bundle: 'bundle', version: 1 }, { at: Date.now() });
  expect(await store.admissions.admit(request)).toMatchObject({ kind: 'accepted' });
  const kept = async (table: string) =>
    (await store.owner.query(`SELECT FROM pointsman.${table} WHERE tenant = $1`, [tenant])).rowCount;
  const before = [await kept('idempotency_keys'), await kept('audit')];
  expect(Math.min(...before.map(Number))).toBeGreaterThan(0);
  const inAYear = Date.now() + 365 * 86_400_000;
  await forgetKeys(store.db, inAYear);
  await forgetAudit(store.db, inAYear);
  expect([await kept('idempotency_keys'), await kept('audit')]).toEqual(before);
});

test('the shortest retention that the database allows equals the limit in the code, to the minute', async () => {
  const minute = 60_000;
  const aged = (ageMs: number) => [ageMs - minute, ageMs + minute].map((ms) => new Date(Date.now() - ms));
  for (const [nth, at] of aged(retentionLimits.keysMs).entries())
    await store.owner.query(`INSERT INTO pointsman.idempotency_keys VALUES ($1, $2, $3, '{}', $4)`, [
      tenant,
      `key-${nth}`,
      digestOf('k'),
      at,
    ]);
  for (const [nth, at] of aged(retentionLimits.shortestAuditDays * 24 * 60 * minute).entries())
    await store.owner.query(
      `INSERT INTO pointsman.audit (tenant, at, by, action, detail) VALUES ($1, $2, 'ann', $3, '{}')`,
      [tenant, at, `action-${nth}`],
    );
  while ((await forgetKeys(store.db, Date.now())) > 0);
  while ((await forgetAudit(store.db, Date.now())) > 0);
  const left = async (column: string, table: string) =>
    (
      await store.owner.query<{ name: string }>(
        `SELECT ${column} AS name FROM pointsman.${table} WHERE tenant = $1`,
        [tenant],
      )
    ).rows;
  expect(await left('key', 'idempotency_keys')).toEqual([{ name: 'key-0' }]);
  expect(await left('action', 'audit')).toContainEqual({ name: 'action-0' });
  expect(await left('action', 'audit')).not.toContainEqual({ name: 'action-1' });
});

describe('retention of idempotency keys', () => {
  test('a key is kept for seven days and can be reused afterwards', async () => {
    await published(store, { tenant, bundle: 'bundle', version: 1 });
    await published(store, { tenant, bundle: 'bundle', version: 2 });
    const back = handRequest({ tenant, version: 1, idempotencyKey: 'back' });
    expect(await store.moves.moveByHand(back)).toMatchObject({ kind: 'moved', replayed: false });
    await forgetKeys(store.db, AT);
    expect(await store.moves.moveByHand(back)).toMatchObject({ kind: 'moved', replayed: true });
    while ((await forgetKeys(store.db, AT + 1)) > 0);
    const other = { ...handRequest({ tenant, version: 2 }), idempotencyKey: 'back' };
    expect(await store.moves.moveByHand(other)).toMatchObject({ kind: 'moved', replayed: false });
  });

  test('a step that is repeated after its key has expired creates no second release', async () => {
    const request = await admitRequest(store, { tenant, bundle: 'bundle', version: 1 });
    expect(await store.admissions.admit(request)).toMatchObject({ kind: 'accepted', version: 1 });
    while ((await forgetKeys(store.db, AT + 1)) > 0);
    expect(await store.admissions.admit(request)).toMatchObject({
      kind: 'accepted',
      version: 1,
      replayed: true,
      superseded: [],
    });
    // The same idempotency key with the next version belongs to a different request.
    const next = await admitRequest(
      store,
      { tenant, bundle: 'bundle', version: 2 },
      {
        idempotencyKey: request.idempotencyKey,
      },
    );
    expect(await store.admissions.admit(next)).toMatchObject({
      kind: 'accepted',
      version: 2,
      replayed: false,
      superseded: [],
    });
  });

  test('the idempotency key of a token expires, and the token stays', async () => {
    const request: NewToken = {
      id: crypto.randomUUID(),
      name: 'a',
      tenant,
      roles: ['viewer'],
      sha256: digestOf(tenant).slice(7),
      by: 'ann',
      idempotencyKey: 'a key',
      fingerprint: digestOf('a'),
      requestId: 'x',
      at: AT,
    };
    expect(await createToken(store.db, request)).toMatchObject({ kind: 'made' });
    while ((await forgetKeys(store.db, AT + 1)) > 0);
    const again = { ...request, id: crypto.randomUUID(), sha256: digestOf('b').slice(7) };
    expect(await createToken(store.db, again)).toEqual({ kind: 'name_taken', id: request.id });
    expect(await createToken(store.db, { ...again, name: 'b' })).toMatchObject({ kind: 'made' });
  });
});

test('expired audit rows of all tenants are deleted, while moves and releases stay', async () => {
  const other = await newTenant(store);
  for (const one of [tenant, other]) await published(store, { tenant: one, bundle: 'bundle', version: 1 });
  const audited = async (of: string) =>
    (await store.owner.query('SELECT FROM pointsman.audit WHERE tenant = $1', [of])).rowCount;
  await forgetAudit(store.db, AT);
  expect(await audited(tenant)).toBe(3);
  while ((await forgetAudit(store.db, AT + 1)) > 0);
  expect([await audited(tenant), await audited(other)]).toEqual([0, 0]);
  expect(await contradictionsSeenBy(store.owner)).toEqual([]);
});
