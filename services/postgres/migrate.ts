import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type MigrationBuilder, runner } from 'node-pg-migrate';
import { Client } from 'pg';

import { digestOf } from '../../core/digest.ts';
import { findSchemaVersion, misfit, SCHEMA, SCHEMA_LEVEL, type SchemaVersion } from './schema-version.ts';

/** Tables, types, indexes and policies: numbered files, each run once. */
const TABLES = fileURLToPath(new URL('./schema', import.meta.url));
/** Functions and triggers: their current text, all of them applied at every migration. */
const FUNCTIONS = fileURLToPath(new URL('./functions', import.meta.url));

/** Any number that nothing else in the database locks. Two processes that start at once migrate one after the other. */
const LOCK = 7_400_001;

/**
 * Brings the schema to this build's level, as the owner, and makes the app's role with the name and password of `appUrl`. May be run at
 * any time, by several at once. An older build leaves a newer schema as it is.
 *
 * Throws, having changed nothing, when a newer build has made the schema unfit for this one, and when both addresses are of one role.
 */
export async function migrate(ownerUrl: string, appUrl: string): Promise<void> {
  const client = new Client({ connectionString: ownerUrl, application_name: 'pointsman-migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await refuseDevelopmentSchema(client);
    const version = await findSchemaVersion(client);
    const functions = await readFunctions();
    if (version === null || version.level < SCHEMA_LEVEL || isOlderText(version, functions))
      await runMigrations(client, functions);
    else refuseMisfit(misfit(version));
    await makeAppRole(client, new URL(appUrl));
  } finally {
    await client.end();
  }
}

/** Tables, functions and the level change in one transaction: a migration that fails leaves nothing of itself. */
async function runMigrations(client: Client, functions: FunctionsText): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
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
    await replaceFunctions(client, functions);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** All files of `functions/`, and the digest by which a database knows whether it has them. */
interface FunctionsText {
  readonly text: string;
  readonly digest: string;
}

async function readFunctions(): Promise<FunctionsText> {
  const files = (await readdir(FUNCTIONS)).filter((name) => name.endsWith('.sql')).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(FUNCTIONS, file), 'utf8')));
  const text = texts.join('\n');
  return { text, digest: digestOf(Buffer.from(text)) };
}

/** Whether a schema of this build's level has other functions than this build: a build of the same level, while that level is developed. */
function isOlderText(version: SchemaVersion, { digest }: FunctionsText): boolean {
  return version.level === SCHEMA_LEVEL && version.functions !== digest;
}

/** Makes node-pg-migrate run the files inside the caller's transaction: by default it commits each one, or all of them, by itself. */
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

/** Databases from before the first file of `schema/` hold the same tables under other migrations, and can't be brought to this schema. */
async function refuseDevelopmentSchema(client: Client): Promise<void> {
  const { rows } = await client.query<{ table: string | null }>(
    `SELECT to_regclass('${SCHEMA}.migrations') AS table`,
  );
  if (!rows[0]?.table) return;
  const { rowCount } = await client.query(`SELECT FROM ${SCHEMA}.migrations WHERE name = '0001_tables'`);
  if (!rowCount) return;
  throw new Error(
    'this database was made by a development version of Pointsman, before the first release. It can not be migrated: use a new database (for "npm start", delete the folder .pointsman)',
  );
}

/**
 * Drops every function and trigger of the schema and creates those of `functions/`, so that the database holds the files' text and
 * nothing else. A function that an index needs is kept: its text is in `schema/`. Where the signature of a function changes, its file keeps the
 * old one as an overload until no process of the build before runs any more.
 */
async function replaceFunctions(client: Client, { text, digest }: FunctionsText): Promise<void> {
  // Bodies name functions of files that come later.
  await client.query('SET LOCAL check_function_bodies = off');
  await client.query(DROP_FUNCTIONS);
  await client.query(text);
  await client.query('UPDATE schema_version SET functions = $1', [digest]);
  // PostgreSQL lets everybody execute a new function. The app's role is given what it may execute by name.
  await client.query(`REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${SCHEMA} FROM PUBLIC`);
}

// Triggers go with their functions, by CASCADE. Nothing else that needs a function is dropped: such a function is left alone.
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

/** What the app may do, and nothing beside it: it owns nothing, deletes little, and rewrites no history. */
function rights(role: string): string[] {
  return [
    `REVOKE ALL ON ALL TABLES IN SCHEMA ${SCHEMA} FROM ${role}`,
    `GRANT USAGE ON SCHEMA ${SCHEMA} TO ${role}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${SCHEMA} TO ${role}`,
    `REVOKE ALL ON ${SCHEMA}.tokens FROM ${role}`,
    `GRANT INSERT ON ${inserted.map((table) => `${SCHEMA}.${table}`).join(', ')} TO ${role}`,
    `GRANT UPDATE (feed_seq) ON ${SCHEMA}.tenants TO ${role}`,
    `GRANT UPDATE (announced_at) ON ${SCHEMA}.moves TO ${role}`,
    ...updated.map(([table, columns]) => `GRANT UPDATE (${columns}) ON ${SCHEMA}.${table} TO ${role}`),
    `GRANT DELETE ON ${deleted.map((table) => `${SCHEMA}.${table}`).join(', ')} TO ${role}`,
    `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${SCHEMA} TO ${role}`,
  ];
}

const inserted = [
  'tenants',
  'bundles',
  'blobs',
  'blob_holders',
  'sources',
  'quotas',
  'artifacts',
  'artifact_blobs',
  'releases',
  'release_artifacts',
  'artifact_claims',
  'stages',
  'effects',
  'pointers',
  'moves',
  'idempotency_keys',
  'audit',
  'policies',
  'gates',
  'verdicts',
  'gate_changes',
  'callbacks',
  'hooks',
  'deliveries',
  'commit_reports',
  'sinks',
  'webhook_attempts',
  'followers',
];

/** What a release gives up, a rule or a sink that an admin takes back, what has had its time, and runtimes that are gone. */
const deleted = [
  'artifact_claims',
  'quotas',
  'hooks',
  'deliveries',
  'commit_reports',
  'sinks',
  'webhook_attempts',
  'followers',
];

/** What names a row, and what was asked for, stays as it was written. */
const updated = [
  [
    'releases',
    'status, outcome, reason, digest, generation, seq, invocation_id, closing, intent, intent_reason, superseded_by, settled_at, gate_wakes',
  ],
  ['blobs', 'check_at'],
  ['sources', 'check_at'],
  ['quotas', 'most, set_by, set_at'],
  ['stages', 'state, finished_at, diagnostics'],
  ['effects', 'state, detail, at'],
  ['gates', 'state, base_generation, decided_at, reason'],
  [
    'hooks',
    'provider, repository, ref, path, bundle, channel, api_url, secret, token, updated_by, updated_at',
  ],
  ['deliveries', 'state, version, reason, updated_at'],
  ['commit_reports', 'state, detail, ended_at'],
  ['sinks', 'url, secret, previous_secret, previous_until, updated_by, updated_at'],
  [
    'sinks',
    'delivered_seq, delivered_at, failures, failing_since, last_error, retry_at, proven_at, paused_by, paused_at, pause_reason',
  ],
  ['followers', 'generation, digest, since, seen_at, by'],
  [
    'callbacks',
    'sha256, awakeable_id, wake, deadline_at, state, closed_at, reason, final, answer, fingerprint, uploaded_blobs, uploaded_bytes',
  ],
  ['pointers', 'version, digest, generation, hold_reason, hold_by, hold_at, moved_at'],
] as const;

async function makeAppRole(client: Client, appUrl: URL): Promise<void> {
  const role = decodeURIComponent(appUrl.username);
  // Its rights would be taken from the owner, and nothing would be left to give them back.
  if (role === client.user)
    throw new Error(`${role} owns the schema, and the app needs a role that does not`);
  const name = client.escapeIdentifier(role);
  const password = client.escapeLiteral(decodeURIComponent(appUrl.password));
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  const verb = rowCount ? 'ALTER' : 'CREATE';
  await client.query('BEGIN');
  await client.query(
    `${verb} ROLE ${name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD ${password}`,
  );
  for (const right of rights(name)) await client.query(right);
  await client.query('COMMIT');
}
