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

/**
 * The folder with the tables, types, indexes and policies. Its files are numbered, and each is executed once per
 * database.
 */
const TABLES = fileURLToPath(new URL('./schema', import.meta.url));
/**
 * The folder with the functions and triggers. A migration replaces all functions and triggers of the database with
 * these.
 */
const FUNCTIONS = fileURLToPath(new URL('./functions', import.meta.url));

/** The key of the advisory lock that serializes concurrent migrations. No other code uses this key. */
const LOCK = 7_400_001;

/**
 * Migrates the schema to the level of this build, and creates the app role that `appUrl` names with its rights. The
 * migration runs as the owner of the schema, in one transaction. Running processes therefore never lack a function or
 * the right to call it, and a failed migration changes nothing.
 *
 * It may run at any time, even several times concurrently. An older build does not change a newer schema.
 *
 * Throws if a newer build has made the schema unusable for this build, if another role owns the schema, or if the app
 * role can't be created.
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

/**
 * Creates the schema, or checks that the current role owns it. A single role must create all functions, because a
 * SECURITY DEFINER function runs with the rights of the role that created it.
 */
async function provideSchema(client: Client): Promise<void> {
  const { rows } = await client.query<{ owner: string; own: boolean }>(
    `SELECT nspowner::regrole::text AS owner, nspowner = current_user::regrole AS own FROM pg_namespace WHERE nspname = '${SCHEMA}'`,
  );
  // CREATE SCHEMA IF NOT EXISTS is not used, because it requires the right to create schemas even if the schema
  // exists.
  if (rows[0] === undefined) await client.query(`CREATE SCHEMA ${SCHEMA}`);
  else if (!rows[0].own)
    throw new Error(`the schema "${SCHEMA}" belongs to ${rows[0].owner}: migrate as that role`);
}

/**
 * Migrates the schema if it is older than this build.
 * @returns whether a newer build has migrated the schema
 */
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

/**
 * Whether the schema lacks tables or functions of this build. If it has newer tables, its functions are not compared,
 * because they belong to a newer build.
 */
function isOlder({ level, functionsLevel }: SchemaVersion): boolean {
  return level < SCHEMA_LEVEL || (level === SCHEMA_LEVEL && functionsLevel < FUNCTIONS_LEVEL);
}

/**
 * Loads the files so that node-pg-migrate runs them in the caller's transaction. By default it uses its own
 * transactions.
 */
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

/**
 * Throws if the database was created before the first release. Such a database has similar tables that earlier,
 * different migrations created, so it can't be migrated.
 */
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
 * Drops all functions and triggers of the schema and creates those of `functions/`. The database then contains
 * exactly the functions of the files. A function that an index needs is kept; such functions are defined in
 * `schema/`.
 *
 * During an upgrade, processes of the previous build still call the functions. If the signature of a function
 * changes, its file must therefore also define the old signature.
 */
async function replaceFunctions(client: Client): Promise<void> {
  // The bodies are not checked, because they may call functions of files that are executed later.
  await client.query('SET LOCAL check_function_bodies = off');
  await client.query(DROP_FUNCTIONS);
  await client.query(await functionsText());
  await client.query('UPDATE schema_version SET functions_level = $1', [FUNCTIONS_LEVEL]);
  // By default, every role may execute a new function. After this statement only the owner may, until the app role is
  // granted its rights.
  await client.query(`REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${SCHEMA} FROM PUBLIC`);
}

/** Returns the concatenated files of `functions/`, in the order of their names. */
export async function functionsText(): Promise<string> {
  const files = (await readdir(FUNCTIONS)).filter((name) => name.endsWith('.sql')).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(FUNCTIONS, file), 'utf8')));
  return texts.join('\n');
}

// CASCADE drops the triggers that use a function together with the function. The query skips a function that any
// other object depends on.
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
