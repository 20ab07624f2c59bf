import { Client } from 'pg';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { PointsmanError } from '../../../packages/protocol/errors.ts';
import { correlationId, type ReleaseId } from '../../../packages/protocol/identifiers.ts';
import { artifactManifest } from '../../../packages/protocol/artifacts/oci.ts';
import { type SourceTree, sourceTree } from '../../../packages/protocol/releases/source.ts';
import type { HoldRequest, MoveRequest } from '../../../handlers/contract/tenant.ts';
import type { Admissions, AdmitRequest } from '../../../handlers/ports/admissions.ts';
import type { Moves } from '../../../handlers/ports/moves.ts';
import type { Settlements } from '../../../handlers/ports/settlements.ts';
import { postgresAdmissions } from '../../../services/postgres/releases/admissions.ts';
import { storeBlobs } from '../../../services/postgres/content/blobs.ts';
import { type Database, openDatabase } from '../../../services/postgres/database.ts';
import { migrate } from '../../../services/postgres/migrate.ts';
import { postgresMoves } from '../../../services/postgres/channels/moves.ts';
import { postgresSettlements } from '../../../services/postgres/releases/settlements.ts';
import { storeSource } from '../../../services/postgres/content/sources.ts';
import { LOCAL_EXECUTOR } from '../../../core/releases/local-compiler.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { prepareRelease } from '../../../services/postgres/releases/stages.ts';
import { createTenant } from '../../../services/postgres/tenants/tenants.ts';
import { startPostgres, type TestPostgres } from '../servers/servers.ts';

/** A real PostgreSQL without other servers, and the stores that the handlers use. */
export interface Store {
  readonly postgres: TestPostgres;
  readonly db: Database;
  readonly admissions: Admissions;
  readonly moves: Moves;
  readonly settlements: Settlements;
  /** A connection as the owner, which bypasses row-level security. */
  readonly owner: Client;
  stop(): Promise<void>;
}

export async function startStore(): Promise<Store> {
  const postgres = await startPostgres();
  await migrate(postgres.ownerUrl, postgres.appUrl);
  const db = openDatabase(postgres.appUrl, { applicationName: 'store-test' });
  const owner = await connect(postgres.ownerUrl);
  return {
    postgres,
    ...recordOn(db),
    owner,
    async stop() {
      await db.close();
      await owner.end();
      await postgres.stop();
    },
  };
}

/** Creates the stores that the handlers use, on those connections. */
export function recordOn(db: Database): Pick<Store, 'db' | 'admissions' | 'moves' | 'settlements'> {
  return {
    db,
    admissions: postgresAdmissions(db),
    moves: postgresMoves(db),
    settlements: postgresSettlements(db),
  };
}

/** Opens a connection. An error on it, such as the loss of the server, does not end the test process. */
export async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/**
 * Repeats a call with the same values while its outcome is unknown, as a durable step does. On a slow machine, a call
 * may wait too long for a lock or a connection and fail with `unavailable`.
 */
export async function repeated<T>(work: () => Promise<T>, onLost: () => void = () => {}): Promise<T> {
  for (let lost = 0; ; lost++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PointsmanError) || error.code !== 'unavailable' || lost > 1_000) throw error;
      onLost();
    }
  }
}

let tenants = 0;

export async function newTenant(store: Store): Promise<string> {
  const tenant = `t${process.pid}-${++tenants}`;
  await createTenant(store.db, tenant, 'test', AT);
  return tenant;
}

/** The time of every step, unless a test passes another time. A step that is repeated with the same time must write the same rows. */
export const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** Creates a publish request as the Tenant object receives it, with a new idempotency key unless a test passes one. */
export async function admitRequest(
  store: Store,
  id: ReleaseId,
  asked: Partial<AdmitRequest> = {},
): Promise<AdmitRequest> {
  const source = asked.source ?? (await putSource(store, id.tenant, correlationId(id))).digest;
  return {
    ...id,
    channel: 'live',
    createChannel: true,
    source,
    onConflict: 'supersede',
    message: null,
    ifGeneration: null,
    by: 'ann',
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf(`${id.bundle} ${source}`),
    requestId: 'request',
    at: AT,
    placement: 'start',
    inFlight: null,
    supersedes: [],
    ...asked,
  };
}

export async function putSource(store: Store, tenant: string, text: string): Promise<SourceTree> {
  const content = Buffer.from(text);
  const digest = digestOf(content);
  const tree = sourceTree([{ path: 'config.json', digest, size: content.length }]);
  await storeSource(store.db, tenant, tree, new Map([[digest, content]]));
  return tree;
}

/** Admits a release, and fails the test if it is not accepted. */
export async function admitted(
  store: Store,
  id: ReleaseId,
  asked: Partial<AdmitRequest> = {},
): Promise<void> {
  const answer = await store.admissions.admit(await admitRequest(store, id, asked));
  if (answer.kind !== 'accepted') throw new Error(`${correlationId(id)} was ${JSON.stringify(answer)}`);
}

export const times = { invocationId: 'inv_1', startedAt: AT };

/** Stores an artifact that consists of one file with that text. Returns its digest. */
export async function putArtifact(store: Store, tenant: string, text: string): Promise<string> {
  const file = {
    path: 'config.json',
    digest: digestOf(text),
    size: Buffer.byteLength(text),
    mediaType: 'application/json',
  };
  const { manifest, index } = artifactManifest([file]);
  await storeBlobs(store.db, tenant, [
    { digest: file.digest, mediaType: file.mediaType, content: Buffer.from(text) },
    { digest: index.digest, mediaType: index.mediaType, content: Buffer.from(index.text) },
    { digest: manifest.digest, mediaType: manifest.mediaType, content: Buffer.from(manifest.text) },
  ]);
  return manifest.digest;
}

/**
 * Stores the compilation of a release's source by the local compiler, with these artifacts. Whether their blobs are stored
 * is not checked.
 */
export async function putCompilation(
  store: Store,
  id: ReleaseId,
  artifacts: readonly { readonly channel: string | null; readonly digest: string }[],
): Promise<void> {
  const source = (await findRelease(store.db, id))?.source;
  const compilation = { artifacts, warnings: [], startedAt: new Date(AT), finishedAt: new Date(AT) };
  const values = [source, LOCAL_EXECUTOR, JSON.stringify(compilation)];
  await store.db.answer(id.tenant, 'charge_bytes($1, put_compilation($1, $2, $3, $4::jsonb), false)', values);
}

/** Prepares an admitted release, as if its source had been compiled to the artifact. */
export async function prepared(store: Store, id: ReleaseId, digest: string, channel = 'live'): Promise<void> {
  await putCompilation(store, id, [{ channel: null, digest }]);
  const answer = await prepareRelease(store.db, id, channel, times);
  if (answer.kind !== 'prepared') throw new Error(`${correlationId(id)} was ${JSON.stringify(answer)}`);
}

/** Admits a release and brings it to the point before its swap. */
export async function readyToSwap(
  store: Store,
  id: ReleaseId,
  asked: Partial<AdmitRequest> = {},
): Promise<string> {
  await admitted(store, id, asked);
  const digest = await putArtifact(store, id.tenant, correlationId(id));
  await prepared(store, id, digest, asked.channel);
  return digest;
}

/** Brings a release from its admission to its settlement. */
export async function published(
  store: Store,
  id: ReleaseId,
  {
    expectedGeneration = id.version - 1,
    ...asked
  }: Partial<AdmitRequest> & { expectedGeneration?: number } = {},
): Promise<string> {
  const digest = await readyToSwap(store, id, asked);
  const answer = await store.moves.moveByRelease({
    ...id,
    channel: asked.channel ?? 'live',
    expectedGeneration,
    at: AT,
  });
  if (answer.kind !== 'moved') throw new Error(`${correlationId(id)} was ${JSON.stringify(answer)}`);
  return digest;
}

type Asked<T> = Partial<T> & { readonly tenant: string };

export function handRequest(asked: Asked<MoveRequest> & { readonly version: number }) {
  return { ...request(asked), createChannel: true, ifGeneration: null, hold: null, why: 'because', ...asked };
}

export function holdRequest(asked: Asked<HoldRequest>) {
  return { ...request(asked), reason: null, ...asked };
}

function request(asked: object) {
  return {
    bundle: 'bundle',
    channel: 'live',
    by: 'ann',
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf(JSON.stringify(asked)),
    requestId: 'request',
    at: AT,
  };
}
