import { randomUUID } from 'node:crypto';

import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { PointsmanError } from '../../../packages/protocol/errors.ts';
import { type Database, openDatabase } from '../../../services/postgres/database.ts';
import { recordHealth } from '../../../services/postgres/upkeep/doctor.ts';
import { countLines } from '../../../services/postgres/lines.ts';
import { migrate } from '../../../services/postgres/migrate.ts';
import { listBehind, listStreamBehind } from '../../../services/postgres/sinks/sink-deliveries.ts';
import { listInFlight } from '../../../services/postgres/upkeep/sweep.ts';
import { createTenant, findTenant, listTenants } from '../../../services/postgres/tenants/tenants.ts';
import {
  createToken,
  findToken,
  listTokens,
  revokeToken,
} from '../../../services/postgres/tenants/tokens.ts';
import { fillTenant } from '../../support/worlds/full-tenant.ts';
import { startPostgres, type TestPostgres } from '../../support/servers/servers.ts';
import { AT, connect, recordOn, type Store } from '../../support/worlds/store.ts';

let postgres: TestPostgres;
let admin: Client;
beforeAll(async () => {
  postgres = await startPostgres();
  admin = await connect(postgres.ownerUrl);
});
afterAll(async () => {
  await admin.end();
  await postgres.stop();
});

interface Addresses {
  readonly ownerUrl: string;
  readonly appUrl: string;
  /** The same database, with the login of a superuser who bypasses row-level security. */
  readonly adminUrl: string;
  readonly appRole: string;
}

let databases = 0;

/**
 * Creates an empty database whose owner has these attributes. Returns its URLs. The app's role does not exist yet.
 */
async function newDatabase(attributes: string): Promise<Addresses> {
  const name = `owners_${++databases}`;
  await admin.query(`CREATE ROLE ${name}_owner LOGIN PASSWORD 'owner' ${attributes}`);
  await admin.query(`CREATE DATABASE ${name} OWNER ${name}_owner`);
  return {
    ownerUrl: addressOf(name, `${name}_owner`, 'owner'),
    appUrl: addressOf(name, `${name}_app`, 'app'),
    adminUrl: addressOf(name),
    appRole: `${name}_app`,
  };
}

function addressOf(database: string, user?: string, password?: string): string {
  const url = new URL(postgres.ownerUrl);
  url.pathname = database;
  if (user !== undefined) url.username = user;
  if (password !== undefined) url.password = password;
  return url.href;
}

async function on<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Records an older level of the functions, so the next migration replaces all functions. */
const outdate = ({ adminUrl }: Addresses) =>
  on(adminUrl, (client) => client.query(`UPDATE pointsman.schema_version SET functions_level = 0`));

const owners = [
  { owner: 'a superuser', attributes: 'SUPERUSER', makesRole: true },
  { owner: 'a role with CREATEROLE and nothing else', attributes: 'CREATEROLE', makesRole: true },
  { owner: 'a role without any attribute', attributes: '', makesRole: false },
];

describe.each(owners)('with $owner as the owner of the schema', ({ attributes, makesRole }) => {
  async function migrated(): Promise<Addresses> {
    const addresses = await newDatabase(attributes);
    if (!makesRole) await admin.query(`CREATE ROLE ${addresses.appRole} LOGIN PASSWORD 'app'`);
    await migrate(addresses.ownerUrl, addresses.appUrl);
    return addresses;
  }

  test('repeated migrations do not disturb a running process', async () => {
    const addresses = await migrated();
    const db = openDatabase(addresses.appUrl);
    const working = new AbortController();
    const work = keepWorking(db, working.signal);
    try {
      for (let n = 0; n < 5; n++) {
        await outdate(addresses);
        await migrate(addresses.ownerUrl, addresses.appUrl);
      }
    } finally {
      working.abort();
    }
    const { calls, refused } = await work;
    expect(calls).toBeGreaterThan(0);
    expect(refused).toEqual([]);
    await db.close();
  });

  test('functions that read across tenants see all tenants, and other queries see only the rows of their own tenant', async () => {
    const addresses = await migrated();
    const db = openDatabase(addresses.appUrl);
    await on(addresses.adminUrl, async (owner) => {
      const store = { postgres, ...recordOn(db), owner, stop: async () => {} } satisfies Store;
      for (const tenant of ['acme', 'bolt']) {
        await createTenant(db, tenant, 'test', AT);
        await fillTenant(store, tenant);
      }
    });
    expect((await listTenants(db, { after: '', limit: 10 })).map(({ tenant }) => tenant)).toEqual([
      'acme',
      'bolt',
    ]);
    const inFlight = await listInFlight(db, { olderThan: AT + 1, limit: 10 });
    expect(new Set(inFlight.map(({ tenant }) => tenant))).toEqual(new Set(['acme', 'bolt']));
    expect(await recordHealth(db)).toMatchObject({ dangling: 0, inFlight: inFlight.length });
    expect((await countLines(db)).inFlight).toBeGreaterThanOrEqual(2);
    const behind = await listBehind(db, { brokers: ['redis'], after: '', movedBefore: AT + 1, nowMs: AT });
    expect(new Set(behind.behind.map(({ tenant }) => tenant))).toEqual(new Set(['acme', 'bolt']));
    expect(await listStreamBehind(db, 'bolt', 'redis')).toContainEqual({
      tenant: 'bolt',
      sink: 'redis',
      seq: 1,
    });
    const others = await db.call('acme', `SELECT FROM moves WHERE tenant <> 'acme'`, []);
    expect(others).toEqual([]);
    await db.close();
  });

  test('tokens can be created, found and revoked', async () => {
    const { appUrl } = await migrated();
    const db = openDatabase(appUrl);
    await createTenant(db, 'acme', 'test', AT);
    const id = randomUUID();
    const sha256 = 'a'.repeat(64);
    const asked = {
      by: 'test',
      idempotencyKey: id,
      fingerprint: digestOf(id),
      requestId: 'x',
      most: 10,
      at: AT,
    };
    const token = { id, name: 'ann', tenant: 'acme', roles: ['viewer' as const], sha256, ...asked };
    expect(await createToken(db, token)).toMatchObject({ kind: 'made' });
    expect(await findToken(db, sha256)).toMatchObject({ id, tenant: 'acme' });
    expect(await listTokens(db, { tenant: 'acme', state: 'active', limit: 10 })).toHaveLength(1);
    expect(await revokeToken(db, { id, tenant: 'acme' }, { by: 'test', requestId: 'x', at: AT })).toBe(true);
    expect(await findToken(db, sha256)).toBeNull();
    await db.close();
  });
});

describe('the app’s role', () => {
  test('if the owner can’t create the missing role, the migration fails and prints the command that creates it', async () => {
    const { ownerUrl, appUrl, appRole } = await newDatabase('');
    await expect(migrate(ownerUrl, appUrl)).rejects.toThrow(`run: CREATE ROLE "${appRole}" LOGIN PASSWORD`);
    await admin.query(`CREATE ROLE "${appRole}" LOGIN PASSWORD 'app'`);
    await migrate(ownerUrl, appUrl);
  });

  test('a migration by an owner with CREATEROLE sets the new password of the role, and a migration by any other owner prints the command for it', async () => {
    const own = await newDatabase('CREATEROLE');
    await migrate(own.ownerUrl, own.appUrl);
    const renewed = own.appUrl.replace(':app@', ':renewed@');
    await migrate(own.ownerUrl, renewed);
    await on(renewed, (client) => client.query('SELECT FROM pointsman.schema_version'));
    const other = await newDatabase('');
    await admin.query(`CREATE ROLE ${other.appRole} LOGIN PASSWORD 'theirs'`);
    await expect(migrate(other.ownerUrl, other.appUrl)).rejects.toThrow(
      `run: ALTER ROLE "${other.appRole}" PASSWORD`,
    );
  });

  test.each(['SUPERUSER', 'BYPASSRLS', 'CREATEROLE', 'CREATEDB', 'REPLICATION', 'NOLOGIN'])(
    'a role that an administrator has created with %s is refused, and nothing is changed',
    async (attribute) => {
      const { ownerUrl, appUrl, adminUrl, appRole } = await newDatabase('CREATEROLE');
      await admin.query(`CREATE ROLE ${appRole} LOGIN PASSWORD 'app'`);
      await admin.query(`ALTER ROLE ${appRole} ${attribute}`);
      await expect(migrate(ownerUrl, appUrl)).rejects.toThrow(`run: ALTER ROLE "${appRole}" LOGIN`);
      const { rows } = await on(adminUrl, (client) =>
        client.query(`SELECT to_regnamespace('pointsman') AS schema`),
      );
      expect(rows).toEqual([{ schema: null }]);
    },
  );

  test('a member of the owner is refused as the app’s role, because it could read every tenant’s rows', async () => {
    const { ownerUrl, appUrl, appRole } = await newDatabase('');
    await admin.query(`CREATE ROLE ${appRole} LOGIN PASSWORD 'app'`);
    await admin.query(`GRANT ${decodeURIComponent(new URL(ownerUrl).username)} TO ${appRole}`);
    await expect(migrate(ownerUrl, appUrl)).rejects.toThrow('is a member of its owner');
  });
});

test('only the owner of a schema can migrate it, because functions run with the rights of their creator', async () => {
  const { ownerUrl, appUrl, adminUrl } = await newDatabase('CREATEROLE');
  await migrate(ownerUrl, appUrl);
  await expect(migrate(adminUrl, appUrl)).rejects.toThrow('migrate as that role');
});

/**
 * Creates and reads tenants until it is stopped. It continues when the database is briefly unavailable, as every
 * process does.
 */
async function keepWorking(
  db: Database,
  signal: AbortSignal,
): Promise<{ calls: number; refused: unknown[] }> {
  const refused: unknown[] = [];
  let calls = 0;
  while (!signal.aborted) {
    try {
      const tenant = `t-${++calls}`;
      await createTenant(db, tenant, 'test', AT);
      expect(await findTenant(db, tenant)).toMatchObject({ tenant });
      await countLines(db);
    } catch (error) {
      if (!(error instanceof PointsmanError) || error.code !== 'unavailable') refused.push(error);
    }
  }
  return { calls, refused };
}
