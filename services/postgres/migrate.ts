import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type MigrationBuilder, runner } from 'node-pg-migrate';
import { Client } from 'pg';

import { isPasswordWrong, provideAppRole } from './app-role.ts';
import {
  findSchemaVersion,
  FUNCTIONS_LEVEL,
  misfit,
  SCHEMA,
  SCHEMA_LEVEL,
  type SchemaVersion,
} from './schema-version.ts';

/** Tables, types, indexes and policies: numbered files, each of which runs once. */
const TABLES = fileURLToPath(new URL('./schema', import.meta.url));
/** Functions and triggers: a migration replaces all of them with the current files. */
const FUNCTIONS = fileURLToPath(new URL('./functions', import.meta.url));

/** A lock number that nothing else in the database uses. Two processes that start at the same time migrate one after the other. */
const LOCK = 7_400_001;

/**
 * Migrates the schema to this build's level as the schema's owner, and creates the app's role of `appUrl` with its rights. All of this is
 * one transaction, so running processes never lack a function or the right to call it, and a failed migration changes nothing. It may run
 * at any time, even concurrently. An older build does not change a newer schema.
 *
 * Throws if a newer build has made the schema unusable for this build, if another role owns the schema, or if the app's role can't be
 * created.
 */
export async function migrate(ownerUrl: string, appUrl: string): Promise<void> {
  const client = new Client({ connectionString: ownerUrl, application_name: 'pointsman-migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const passwordIsWrong = await isPasswordWrong(appUrl);
    await inTransaction(client, async () => {
      await refuseDevelopmentSchema(client);
      await provideSchema(client);
      const schemaIsNewer = await migrateSchema(client);
      await provideAppRole(client, appUrl, { passwordIsWrong, schemaIsNewer });
    });
  } finally {
    await client.end();
  }
}

async function inTransaction(client: Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** SECURITY DEFINER functions run with the rights of the role that creates them, so one role must create them all. */
async function provideSchema(client: Client): Promise<void> {
  const { rows } = await client.query<{ owner: string; own: boolean }>(
    `SELECT nspowner::regrole::text AS owner, nspowner = current_user::regrole AS own FROM pg_namespace WHERE nspname = '${SCHEMA}'`,
  );
  // Not IF NOT EXISTS, because that requires the right to create schemas even if the schema exists.
  if (rows[0] === undefined) await client.query(`CREATE SCHEMA ${SCHEMA}`);
  else if (!rows[0].own)
    throw new Error(`the schema "${SCHEMA}" belongs to ${rows[0].owner}: migrate as that role`);
}

/** Migrates the schema if it is older than this build. @returns whether a newer build has migrated it */
async function migrateSchema(client: Client): Promise<boolean> {
  const version = await findSchemaVersion(client);
  if (version === null || isOlder(version)) {
    await runMigrations(client);
    return false;
  }
  refuseMisfit(misfit(version));
  return version.level > SCHEMA_LEVEL || version.functionsLevel > FUNCTIONS_LEVEL;
}

async function runMigrations(client: Client): Promise<void> {
  await client.query(`SET LOCAL search_path = ${SCHEMA}, pg_temp`);
  await runner({
    dbClient: client,
    dir: TABLES,
    direction: 'up',
    migrationsSchema: SCHEMA,
    migrationsTable: 'migrations',
    migrationLoaderStrategies: [{ extensions: ['.sql'], loader: inOpenTransaction }],
    count: Infinity,
    noLock: true,
    log: () => undefined,
  });
  await replaceFunctions(client);
}

/** Whether the schema lacks tables or functions of this build. Tables and functions of a newer build are not changed. */
function isOlder({ level, functionsLevel }: SchemaVersion): boolean {
  return level < SCHEMA_LEVEL || (level === SCHEMA_LEVEL && functionsLevel < FUNCTIONS_LEVEL);
}

/** Makes node-pg-migrate run the files in the caller's transaction. By default it opens and commits its own transactions. */
function inOpenTransaction(paths: readonly string[]) {
  return Promise.all(
    paths.map(async (id) => {
      const text = await readFile(id, 'utf8');
      const up = (builder: MigrationBuilder): void => {
        builder.noTransaction();
        builder.sql(text);
      };
      return { id, filePaths: [id], actions: { up } };
    }),
  );
}

/** Rejects a database from before the first file of `schema/`. Other migrations created the same tables there, so it can't be migrated. */
async function refuseDevelopmentSchema(client: Client): Promise<void> {
  const { rows } = await client.query<{ table: string | null }>(
    `SELECT to_regclass('${SCHEMA}.migrations') AS table`,
  );
  if (!rows[0]?.table) return;
  const { rowCount } = await client.query(`SELECT FROM ${SCHEMA}.migrations WHERE name = '0001_tables'`);
  if (!rowCount) return;
  throw new Error(
    'a development version of Pointsman, from before the first release, created this database. It cannot be migrated: use a new database (for "npm start", delete the folder .pointsman)',
  );
}

/**
 * Drops every function and trigger of the schema and creates those of `functions/`, so the database has exactly the functions in the files.
 * A function that an index needs is kept: it is defined in `schema/`. If the signature of a function changes, its file must keep the old
 * signature as an overload while processes of the previous build may run.
 */
async function replaceFunctions(client: Client): Promise<void> {
  // Function bodies refer to functions of later files.
  await client.query('SET LOCAL check_function_bodies = off');
  await client.query(DROP_FUNCTIONS);
  await client.query(await functionsText());
  await client.query('UPDATE schema_version SET functions_level = $1', [FUNCTIONS_LEVEL]);
  // PostgreSQL allows every role to execute a new function. The app's role is granted its functions afterwards, by name.
  await client.query(`REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${SCHEMA} FROM PUBLIC`);
}

/** All files of `functions/`, in the order of their names. */
export async function functionsText(): Promise<string> {
  const files = (await readdir(FUNCTIONS)).filter((name) => name.endsWith('.sql')).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(FUNCTIONS, file), 'utf8')));
  return texts.join('\n');
}

// CASCADE drops triggers together with their functions. A function that any other object needs is kept.
const DROP_FUNCTIONS = `
DO $$
DECLARE
  dropped regprocedure;
BEGIN
  FOR dropped IN
    SELECT f.oid::regprocedure FROM pg_proc f
    WHERE f.pronamespace = '${SCHEMA}'::regnamespace AND NOT EXISTS (
      SELECT FROM pg_depend d
      WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = f.oid AND d.classid <> 'pg_trigger'::regclass)
  LOOP
    EXECUTE format('DROP FUNCTION %s CASCADE', dropped);
  END LOOP;
END $$`;

function refuseMisfit(problem: string | null): void {
  if (problem !== null) throw new Error(problem);
}
