import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { findPointer } from '../../../services/postgres/channels/pointers.ts';
import { fillTenant } from '../../support/worlds/full-tenant.ts';
import { AT, connect, handRequest, newTenant, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let app: Client;
let mine: string;
let theirs: string;
/** The names of all tables that have a tenant column. */
let tables: string[];

beforeAll(async () => {
  store = await startStore();
  app = await connect(store.postgres.appUrl);
  [mine, theirs] = [await newTenant(store), await newTenant(store)];
  for (const tenant of [mine, theirs]) await fillTenant(store, tenant);
  await store.owner.query('SET search_path = pointsman');
  const { rows } = await store.owner.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'pointsman'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'tenant' ORDER BY 1`,
  );
  tables = rows.map(({ name }) => name).filter((name) => name !== 'tokens');
});
afterAll(async () => {
  await app.end();
  await store.stop();
});

/**
 * Runs `work` as the app's role in a transaction, which is rolled back afterwards. The transaction sets the given
 * tenant, or none if it is null.
 */
async function asApp<T>(tenant: string | null, work: () => Promise<T>): Promise<T> {
  await app.query('BEGIN');
  try {
    await app.query('SET LOCAL search_path = pointsman');
    if (tenant !== null) await app.query(`SELECT set_config('pointsman.tenant', $1, true)`, [tenant]);
    return await work();
  } finally {
    await app.query('ROLLBACK');
  }
}

const count = async (client: Client, table: string, tenant: string | null) => {
  const where = tenant === null ? '' : `WHERE tenant = '${tenant}'`;
  const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table} ${where}`);
  return rows[0]?.n;
};

/**
 * Executes a statement as the app's role. Returns the code of the error, null if the statement affects no row, and
 * 'DONE' if it affects one.
 */
async function refusal(tenant: string | null, sql: string, values: unknown[] = []): Promise<string | null> {
  return asApp(tenant, async () => {
    try {
      const { rowCount } = await app.query(sql, values);
      return rowCount ? 'DONE' : null;
    } catch (error) {
      return (error as { code?: string }).code ?? 'UNKNOWN';
    }
  });
}

describe('tables of tenants', () => {
  test('every table has rows of both tenants, without which the isolation tests would prove nothing', async () => {
    expect(tables).toEqual(
      expect.arrayContaining(['tenants', 'bundles', 'blobs', 'releases', 'pointers', 'moves']),
    );
    for (const table of tables) {
      expect(await count(store.owner, table, theirs), table).toBeGreaterThan(0);
      expect(await asApp(mine, () => count(app, table, null)), table).toBeGreaterThan(0);
    }
  });

  test('a table never shows a row of another tenant', async () => {
    for (const table of tables) {
      expect(await asApp(mine, () => count(app, table, theirs)), table).toBe(0);
      const own = await count(store.owner, table, mine);
      expect(await asApp(mine, () => count(app, table, null)), table).toBe(own);
    }
  });

  test('without a tenant, or with an empty tenant, tables show no rows', async () => {
    for (const table of tables) {
      expect(await asApp(null, () => count(app, table, null)), table).toBe(0);
      expect(await asApp('', () => count(app, table, null)), table).toBe(0);
    }
  });

  test('a table never accepts, changes or deletes a row for another tenant', async () => {
    for (const table of tables) {
      const { rows } = await store.owner.query<{ row: unknown }>(
        `SELECT to_jsonb(x) AS row FROM ${table} x WHERE tenant = $1 LIMIT 1`,
        [theirs],
      );
      const copy = `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_record(NULL::${table}, $1::jsonb)`;
      expect(await refusal(mine, copy, [JSON.stringify(rows[0]?.row)]), `insert ${table}`).toMatch(
        /^(?:42501|PM\d{3})$/,
      );
      for (const sql of [`UPDATE ${table} SET tenant = tenant`, `DELETE FROM ${table}`]) {
        const answer = await refusal(mine, `${sql} WHERE tenant = '${theirs}'`);
        expect([null, '42501'], `${sql} ${table}`).toContain(answer);
      }
      // The app can't move a row to another tenant either.
      expect(await refusal(mine, `UPDATE ${table} SET tenant = '${theirs}'`), table).toBe('42501');
    }
  });

  test('every table has forced row-level security, which also binds its owner', async () => {
    const { rows } = await store.owner.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'pointsman'::regnamespace AND relkind IN ('r', 'p')
       AND relname = ANY ($1) AND NOT (relrowsecurity AND relforcerowsecurity)`,
      [tables],
    );
    expect(rows.map(({ name }) => name)).toEqual([]);
  });
});

describe('a call for one tenant', () => {
  test('a call that names objects of another tenant neither finds nor moves anything', async () => {
    const before = await findPointer(store.db, { tenant: theirs, bundle: 'bundle', channel: 'live' });
    const swap = {
      tenant: mine,
      bundle: 'other',
      version: 2,
      channel: 'live',
      expectedGeneration: 1,
      at: AT,
    };
    await expect(store.moves.moveByRelease(swap)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('no rows') },
    });
    expect(await store.moves.moveByHand(handRequest({ tenant: mine, bundle: 'other', version: 1 }))).toEqual({
      kind: 'no_release',
    });
    expect(await findPointer(store.db, { tenant: theirs, bundle: 'bundle', channel: 'live' })).toEqual(
      before,
    );
  });

  test('a call leaves no tenant set on its connection', async () => {
    const set = `SELECT coalesce(current_setting('pointsman.tenant', true), '') AS tenant`;
    await store.db.tenant(mine, (query) => query('SELECT 1'));
    for (let i = 0; i < 20; i++) {
      expect(await store.db.platform(set)).toEqual([{ tenant: '' }]);
    }
  });
});

describe('the app’s role', () => {
  test('the app’s role owns nothing and has no power over roles, databases or row security', async () => {
    const role = decodeURIComponent(new URL(store.postgres.appUrl).username);
    const { rows } = await store.owner.query(
      `SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,
         (SELECT count(*)::int FROM pg_shdepend d WHERE d.refobjid = r.oid AND d.deptype = 'o') AS owned,
         (SELECT count(*)::int FROM pg_auth_members m WHERE m.member = r.oid AND m.roleid = (SELECT oid FROM pg_roles WHERE rolname = current_user)) AS owner
       FROM pg_roles r WHERE rolname = $1`,
      [role],
    );
    expect(rows).toEqual([
      {
        rolsuper: false,
        rolcreaterole: false,
        rolcreatedb: false,
        rolbypassrls: false,
        rolreplication: false,
        owned: 0,
        owner: 0,
      },
    ]);
  });

  test('the app’s role can’t turn off, change, drop or bypass the guards of the database', async () => {
    const owner = decodeURIComponent(new URL(store.postgres.ownerUrl).username);
    const attempts = [
      'ALTER TABLE releases DISABLE ROW LEVEL SECURITY',
      'ALTER TABLE releases NO FORCE ROW LEVEL SECURITY',
      'CREATE POLICY mine ON releases USING (true)',
      'ALTER TABLE releases DISABLE TRIGGER ALL',
      'DROP TRIGGER settled_is_final ON releases',
      'DROP TABLE moves',
      'TRUNCATE moves',
      'CREATE TABLE pointsman.mine (x int)',
      'CREATE TABLE public.mine (x int)',
      'CREATE SCHEMA mine',
      `CREATE FUNCTION pointsman.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      `SET LOCAL session_replication_role = 'replica'`,
      `SET LOCAL ROLE ${owner}`,
      'ALTER ROLE CURRENT_USER BYPASSRLS',
    ];
    for (const sql of attempts) expect(['42501', '42704'], sql).toContain(await refusal(mine, sql));
    const unguarded = `SET LOCAL row_security = off; SELECT * FROM releases`;
    expect(await refusal(mine, unguarded)).toBe('42501');
  });

  test('the app’s role can’t rewrite or delete history: moves, audit, tokens, content', async () => {
    const attempts = [
      `UPDATE moves SET to_version = 2`,
      `UPDATE moves SET by = 'x'`,
      'DELETE FROM moves',
      `UPDATE audit SET by = 'x'`,
      'DELETE FROM audit',
      'DELETE FROM releases',
      'DELETE FROM pointers',
      'DELETE FROM effects',
      'DELETE FROM tenants',
      'DELETE FROM idempotency_keys',
      `UPDATE blobs SET content = ''`,
      'DELETE FROM blobs',
      'DELETE FROM sources',
      'UPDATE tenant_usage SET bytes = 0',
      'DELETE FROM tenant_usage',
      'DELETE FROM artifacts',
      'DELETE FROM artifact_blobs',
      'SELECT * FROM tokens',
      'DELETE FROM tokens',
    ];
    for (const sql of attempts) expect(await refusal(mine, sql), sql).toBe('42501');
  });
});

test('a SECURITY DEFINER function has a fixed search path, and only the app can call it', async () => {
  const { rows } = await store.owner.query<{ name: string; open: boolean; pinned: boolean }>(
    `SELECT p.oid::regprocedure::text AS name, has_function_privilege('public', p.oid, 'execute') AS open,
       coalesce(p.proconfig::text LIKE '%search_path=%pg_temp%', false) AS pinned
     FROM pg_proc p WHERE p.pronamespace = 'pointsman'::regnamespace AND p.prosecdef`,
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter(({ open, pinned }) => open || !pinned)).toEqual([]);
});
