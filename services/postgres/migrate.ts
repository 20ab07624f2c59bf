import { fileURLToPath } from 'node:url';

import { runner } from 'node-pg-migrate';
import { Client } from 'pg';

import { findSchemaVersion, misfit, SCHEMA, SCHEMA_LEVEL } from './schema-version.ts';

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

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
    const version = await findSchemaVersion(client);
    if (version === null || version.level < SCHEMA_LEVEL) await runMigrations(client);
    else refuseMisfit(misfit(version));
    await makeAppRole(client, new URL(appUrl));
  } finally {
    await client.end();
  }
}

async function runMigrations(client: Client): Promise<void> {
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
  await client.query(`SET search_path = ${SCHEMA}, pg_temp`);
  await runner({
    dbClient: client,
    dir: MIGRATIONS,
    direction: 'up',
    schema: SCHEMA,
    migrationsSchema: SCHEMA,
    migrationsTable: 'migrations',
    count: Infinity,
    noLock: true,
    singleTransaction: true,
    log: () => undefined,
  });
}

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
  'sources',
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
