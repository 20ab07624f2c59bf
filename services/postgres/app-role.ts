import { Client, DatabaseError } from 'pg';

import { SCHEMA } from './schema-version.ts';

/** The role with which the API and the worker log in. */
interface AppRole {
  readonly name: string;
  /** The password of the role. It is empty if the server authenticates the role by another method. */
  readonly password: string;
}

const INVALID_PASSWORD = '28P01';
const NOT_ALLOWED = '42501';

/**
 * The attributes that the app role must have. A role with more attributes could read the rows of all tenants, or
 * become a role that can.
 */
const POWERLESS = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION';

/**
 * Whether the server rejects the app role's password. After any other failure, such as a network error or too many
 * connections, the result is false, because the password may be correct.
 */
export async function isPasswordWrong(appUrl: string): Promise<boolean> {
  const client = new Client({ connectionString: appUrl, application_name: 'pointsman-migrate' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return false;
  } catch (error) {
    return error instanceof DatabaseError && error.code === INVALID_PASSWORD;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * Creates the app role that `appUrl` names if it does not exist, and grants its rights. Runs in the caller's
 * transaction.
 *
 * An existing role keeps its attributes, because an administrator may have created it. If the server rejects the
 * password in `appUrl`, that password is set. If a newer build has migrated the schema, the rights are not changed.
 *
 * Throws if the role has too many rights, or if the owner of the schema lacks a right to create or alter the role.
 * The error message contains the command that an administrator must run.
 */
export async function provideAppRole(
  client: Client,
  appUrl: string,
  { passwordIsWrong, schemaIsNewer }: { readonly passwordIsWrong: boolean; readonly schemaIsNewer: boolean },
): Promise<void> {
  const role = appRole(appUrl);
  const found = await findRole(client, role.name);
  if (found === null) await createRole(client, role);
  else refuseUnfit(client, role, found);
  if (found !== null && passwordIsWrong) await setPassword(client, role);
  // The processes of the newer build may need rights that this build does not know. The statements below would revoke
  // them, so the rights are not changed.
  if (schemaIsNewer) return;
  const name = client.escapeIdentifier(role.name);
  for (const right of rights(name)) await client.query(right);
}

function appRole(appUrl: string): AppRole {
  const url = new URL(appUrl);
  return { name: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
}

interface FoundRole {
  readonly powerless: boolean;
  /** Whether the role owns the schema or an object in it, or is a member of a role that does. */
  readonly owner: boolean;
}

async function findRole(client: Client, name: string): Promise<FoundRole | null> {
  const { rows } = await client.query<FoundRole>(
    `SELECT rolcanlogin AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication) AS powerless,
       rolname = current_user OR NOT rolsuper AND EXISTS (
         SELECT FROM pg_namespace WHERE nspname = '${SCHEMA}' AND pg_has_role(r.oid, nspowner, 'MEMBER')
         UNION ALL
         SELECT FROM pg_class WHERE relnamespace = '${SCHEMA}'::regnamespace AND pg_has_role(r.oid, relowner, 'MEMBER')) AS owner
     FROM pg_roles r WHERE rolname = $1`,
    [name],
  );
  return rows[0] ?? null;
}

/**
 * Throws if the role has too many rights. Row-level security does not restrict a superuser. A member of the schema's
 * owner could use the owner's policies, which permit reading the rows of all tenants.
 */
function refuseUnfit(client: Client, { name }: AppRole, { owner, powerless }: FoundRole): void {
  if (owner)
    throw new Error(
      `the role "${name}" owns the schema or is a member of its owner, which the app must not. Give the app another role.`,
    );
  if (powerless) return;
  throw new Error(
    `the role "${name}" has attributes that the app must not have, or may not log in. Give the app another role, or, as an administrator, run: ALTER ROLE ${client.escapeIdentifier(name)} ${POWERLESS}`,
  );
}

async function createRole(client: Client, role: AppRole): Promise<void> {
  const name = client.escapeIdentifier(role.name);
  const password = role.password === '' ? '' : ` ${passwordClause(client, role)}`;
  await orTellAdministrator(
    client,
    `CREATE ROLE ${name} ${POWERLESS}${password}`,
    `the role "${role.name}" of the app does not exist, and the owner of the schema may not create roles. As an administrator, run: CREATE ROLE ${name} LOGIN PASSWORD '…'`,
  );
}

async function setPassword(client: Client, role: AppRole): Promise<void> {
  const name = client.escapeIdentifier(role.name);
  await orTellAdministrator(
    client,
    `ALTER ROLE ${name} ${passwordClause(client, role)}`,
    `the server rejects the password of the app's role "${role.name}", and the owner of the schema may not change it. As an administrator, run: ALTER ROLE ${name} PASSWORD '…'`,
  );
}

function passwordClause(client: Client, { password }: AppRole): string {
  return `PASSWORD ${client.escapeLiteral(password)}`;
}

async function orTellAdministrator(client: Client, statement: string, advice: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== NOT_ALLOWED) throw error;
    throw new Error(advice, { cause: error });
  }
}

/**
 * Returns the statements that grant the app role's rights and revoke all others. The role owns no objects, can delete
 * rows only from a few tables, and can't change recorded history.
 */
function rights(role: string): string[] {
  return [
    `REVOKE ALL ON ALL TABLES IN SCHEMA ${SCHEMA} FROM ${role}`,
    `GRANT USAGE ON SCHEMA ${SCHEMA} TO ${role}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${SCHEMA} TO ${role}`,
    `REVOKE ALL ON ${SCHEMA}.tokens FROM ${role}`,
    `GRANT INSERT ON ${inserted.map((table) => `${SCHEMA}.${table}`).join(', ')} TO ${role}`,
    `GRANT UPDATE (feed_seq) ON ${SCHEMA}.tenants TO ${role}`,
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
  'compilations',
  'compiled_documents',
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
  'gate_decisions',
  'gate_changes',
  'callbacks',
  'hooks',
  'deliveries',
  'commit_reports',
  'sinks',
  'broker_streams',
  'webhook_attempts',
  'followers',
];

/**
 * The tables from which the app may delete rows. They contain replaced results of the compiler, claims of ended
 * releases, settings, sinks, expired deliveries and lost followers.
 */
const deleted = [
  'compiled_documents',
  'artifact_claims',
  'quotas',
  'hooks',
  'deliveries',
  'commit_reports',
  'sinks',
  'webhook_attempts',
  'followers',
];

/**
 * The columns that the app may update. Keys and the contents of requests are not listed, because they never change
 * after they are inserted.
 */
const updated = [
  [
    'releases',
    'status, outcome, reason, digest, generation, seq, same_as, invocation_id, closing, intent, intent_reason, superseded_by, blocked_by, settled_at, gates_decided',
  ],
  ['blobs', 'check_at'],
  ['sources', 'check_at'],
  ['quotas', 'most, set_by, set_at'],
  ['stages', 'state, finished_at, diagnostics'],
  ['effects', 'state, detail, at'],
  ['gates', 'state, base_generation, decided_at'],
  [
    'hooks',
    'provider, repository, ref, path, bundle, channel, create_channel, api_url, secret, token, updated_by, updated_at',
  ],
  ['hooks', 'examined_seq'],
  ['deliveries', 'state, version, reason, updated_at'],
  ['commit_reports', 'state, detail, ended_at'],
  ['sinks', 'url, secret, previous_secret, previous_until, updated_by, updated_at'],
  [
    'sinks',
    'delivered_seq, delivered_at, failures, failing_since, last_error, retry_at, healthy_at, paused_by, paused_at, pause_reason',
  ],
  ['broker_streams', 'failures, failing_since, last_error, retry_at, healthy_at'],
  ['followers', 'generation, digest, since, seen_at, by'],
  [
    'callbacks',
    'sha256, awakeable_id, decision_number, deadline_at, state, closed_at, cause, reason, final, report, fingerprint, uploaded_blobs, uploaded_bytes',
  ],
  ['pointers', 'version, digest, generation, hold_reason, hold_by, hold_at, moved_at'],
] as const;
