import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { openDatabase } from '../../../services/postgres/database.ts';
import { functionsText, migrate } from '../../../services/postgres/migrate.ts';
import { FUNCTIONS_LEVEL, SCHEMA_LEVEL } from '../../../services/postgres/schema-version.ts';
import { createTenant, findTenant } from '../../../services/postgres/tenants/tenants.ts';
import { startPostgres, type TestPostgres } from '../../support/servers/servers.ts';
import { AT, connect } from '../../support/worlds/store.ts';

let postgres: TestPostgres;
let owner: Client;
beforeAll(async () => {
  postgres = await startPostgres();
  owner = await connect(postgres.ownerUrl);
});
afterAll(async () => {
  await owner.end();
  await postgres.stop();
});

let databases = 0;

/** Creates an empty database on the same server. */
async function newDatabase(): Promise<{ ownerUrl: string; appUrl: string }> {
  const name = `migrate_${++databases}`;
  await owner.query(`CREATE DATABASE ${name}`);
  const [ownerUrl, appUrl] = [new URL(postgres.ownerUrl), new URL(postgres.appUrl)];
  ownerUrl.pathname = name;
  appUrl.pathname = name;
  return { ownerUrl: ownerUrl.href, appUrl: appUrl.href };
}

async function withOwner<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function ping(appUrl: string): Promise<void> {
  const db = openDatabase(appUrl);
  try {
    await db.ping();
  } finally {
    await db.close();
  }
}

const atLevels = (url: string, level: number, oldestProcess: number) =>
  withOwner(url, (client) =>
    client.query('UPDATE pointsman.schema_version SET level = $1, oldest_process = $2', [
      level,
      oldestProcess,
    ]),
  );

test('five concurrent migrations all succeed, and each migration runs once', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await Promise.all(Array.from({ length: 5 }, () => migrate(ownerUrl, appUrl)));
  const names = await withOwner(ownerUrl, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT name FROM pointsman.migrations ORDER BY id',
    );
    return rows.map(({ name }) => name);
  });
  const folder = fileURLToPath(new URL('../../../services/postgres/schema', import.meta.url));
  const files = readdirSync(folder).map((file) => file.replace(/\.sql$/, ''));
  expect(names).toEqual(files.toSorted());
  await ping(appUrl);
});

test('SCHEMA_LEVEL is the number of the last migration file and the level in the migrated schema', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await migrate(ownerUrl, appUrl);
  const { rows } = await withOwner(ownerUrl, (client) =>
    client.query<{ name: string; level: string }>(
      'SELECT (SELECT max(name) FROM pointsman.migrations) AS name, level FROM pointsman.schema_version',
    ),
  );
  expect(Number.parseInt(rows[0]!.name, 10)).toBe(SCHEMA_LEVEL);
  expect(Number(rows[0]!.level)).toBe(SCHEMA_LEVEL);
});

test('a second migration keeps the data', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await migrate(ownerUrl, appUrl);
  const db = openDatabase(appUrl);
  await createTenant(db, 'acme', 'test', AT);
  await migrate(ownerUrl, appUrl);
  expect(await findTenant(db, 'acme')).toMatchObject({ tenant: 'acme' });
  await db.close();
});

test('a process rejects a schema that a newer build has made incompatible, even while it runs', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await migrate(ownerUrl, appUrl);
  await atLevels(ownerUrl, SCHEMA_LEVEL + 1, SCHEMA_LEVEL + 1);
  await expect(ping(appUrl)).rejects.toMatchObject({
    code: 'unavailable',
    cause: {
      message: `the schema is for processes from level ${SCHEMA_LEVEL + 1} on, and this one is of level ${SCHEMA_LEVEL}: run a newer build`,
    },
  });
  await expect(migrate(ownerUrl, appUrl)).rejects.toThrow('run a newer build');
});

test('a process accepts a newer schema that is still compatible, and its migration leaves that schema as it is', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await migrate(ownerUrl, appUrl);
  await atLevels(ownerUrl, SCHEMA_LEVEL + 1, SCHEMA_LEVEL);
  await expect(ping(appUrl)).resolves.toBeUndefined();
  await migrate(ownerUrl, appUrl);
  await expect(ping(appUrl)).resolves.toBeUndefined();
});

test.each([
  ['schema', SCHEMA_LEVEL + 1, FUNCTIONS_LEVEL],
  ['functions', SCHEMA_LEVEL, FUNCTIONS_LEVEL + 1],
])(
  'a migration by an older build does not revoke rights from processes of a build with newer %s',
  async (_what, level, functionsLevel) => {
    const { ownerUrl, appUrl } = await newDatabase();
    await migrate(ownerUrl, appUrl);
    const role = new URL(appUrl).username;
    await atLevels(ownerUrl, level, SCHEMA_LEVEL);
    const rights = `SELECT has_table_privilege($1, 'pointsman.newer', 'INSERT, DELETE') AS table, has_column_privilege($1, 'pointsman.tenants', 'created_at', 'UPDATE') AS column`;
    await withOwner(ownerUrl, async (client) => {
      await client.query('UPDATE pointsman.schema_version SET functions_level = $1', [functionsLevel]);
      await client.query('CREATE TABLE pointsman.newer (id integer)');
      await client.query(`GRANT INSERT, DELETE ON pointsman.newer TO ${role}`);
      await client.query(`GRANT UPDATE (created_at) ON pointsman.tenants TO ${role}`);
    });
    await migrate(ownerUrl, appUrl);
    await withOwner(ownerUrl, async (client) => {
      expect((await client.query(rights, [role])).rows).toEqual([{ table: true, column: true }]);
    });
  },
);

test('a process rejects a schema that has not been migrated yet', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await expect(ping(appUrl)).rejects.toMatchObject({ code: 'unavailable' });
  await migrate(ownerUrl, appUrl);
  await atLevels(ownerUrl, SCHEMA_LEVEL - 1, SCHEMA_LEVEL - 1);
  await expect(ping(appUrl)).rejects.toMatchObject({ code: 'unavailable' });
});

test('a migration refuses the owner as the app’s role', async () => {
  const { ownerUrl } = await newDatabase();
  await expect(migrate(ownerUrl, ownerUrl)).rejects.toThrow('Give the app another role');
});

test('a failed migration changes nothing', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  // Creates the schema in advance, with a table whose name the first migration also uses.
  await withOwner(ownerUrl, (client) =>
    client.query('CREATE SCHEMA pointsman; CREATE TABLE pointsman.moves (x int)'),
  );
  await expect(migrate(ownerUrl, appUrl)).rejects.toThrow('already exists');
  const { rows } = await withOwner(ownerUrl, (client) =>
    client.query(`SELECT to_regclass('pointsman.tenants') AS tenants`),
  );
  expect(rows).toEqual([{ tenants: null }]);
  await withOwner(ownerUrl, (client) => client.query('DROP TABLE pointsman.moves'));
  await migrate(ownerUrl, appUrl);
  await ping(appUrl);
});

test('a migration replaces the functions of an older build and drops functions that are in no file', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await migrate(ownerUrl, appUrl);
  await withOwner(ownerUrl, (client) =>
    client.query(`
      CREATE OR REPLACE FUNCTION pointsman.lines() RETURNS TABLE (in_flight bigint, in_line bigint) LANGUAGE sql AS 'SELECT 1, 1';
      CREATE FUNCTION pointsman.left_over() RETURNS int LANGUAGE sql AS 'SELECT 1';
      UPDATE pointsman.schema_version SET functions_level = 0`),
  );
  await migrate(ownerUrl, appUrl);
  const { rows } = await withOwner(ownerUrl, (client) =>
    client.query(
      `SELECT (SELECT in_line FROM pointsman.lines()) AS "inLine", to_regproc('pointsman.left_over') AS "leftOver"`,
    ),
  );
  expect(rows).toEqual([{ inLine: '0', leftOver: null }]);
  await ping(appUrl);
});

test('a migration refuses a database from before the first schema file, and the error explains what to do', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await migrate(ownerUrl, appUrl);
  await withOwner(ownerUrl, (client) =>
    client.query(`
      UPDATE pointsman.migrations SET name = '0001_tables';
      ALTER TABLE pointsman.schema_version DROP COLUMN functions_level;
      UPDATE pointsman.schema_version SET level = 17, oldest_process = 14`),
  );
  await expect(migrate(ownerUrl, appUrl)).rejects.toThrow('use a new database');
});

test('a migration leaves the functions of a newer build as they are', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await migrate(ownerUrl, appUrl);
  await withOwner(ownerUrl, (client) =>
    client.query(`
      CREATE FUNCTION pointsman.of_a_newer_build() RETURNS int LANGUAGE sql AS 'SELECT 1';
      UPDATE pointsman.schema_version SET functions_level = functions_level + 1`),
  );
  await migrate(ownerUrl, appUrl);
  const { rows } = await withOwner(ownerUrl, (client) =>
    client.query(`SELECT to_regproc('pointsman.of_a_newer_build') IS NOT NULL AS "isThere"`),
  );
  expect(rows).toEqual([{ isThere: true }]);
  await ping(appUrl);
});

test('a process rejects a schema with the functions of an older build', async () => {
  const { ownerUrl, appUrl } = await newDatabase();
  await migrate(ownerUrl, appUrl);
  await withOwner(ownerUrl, (client) =>
    client.query('UPDATE pointsman.schema_version SET functions_level = functions_level - 1'),
  );
  await expect(ping(appUrl)).rejects.toMatchObject({ code: 'unavailable' });
});

test('FUNCTIONS_LEVEL and the recorded digest match the text of the functions', async () => {
  const recorded = new URL('./functions-level.json', import.meta.url);
  // If this expectation fails, a file in functions/ has changed. Then increase FUNCTIONS_LEVEL by one, and record the
  // new level and digest in the JSON file.
  expect({ level: FUNCTIONS_LEVEL, digest: digestOf(await functionsText()) }).toEqual(
    JSON.parse(await readFile(recorded, 'utf8')),
  );
});
