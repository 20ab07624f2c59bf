import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { connect, type Ingress } from '@restatedev/restate-sdk-clients';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { sourceTree } from '../../../packages/protocol/releases/source.ts';
import { type PublishResult, type PublishRequest, Tenant } from '../../../handlers/contract/tenant.ts';
import { PortBook } from '../../../packages/dev/embedded/ports.ts';
import { type Database, openDatabase } from '../../../services/postgres/database.ts';
import { migrate } from '../../../services/postgres/migrate.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { storeSource } from '../../../services/postgres/content/sources.ts';
import { createTenant } from '../../../services/postgres/tenants/tenants.ts';
import { RestateAdmin } from '../../../services/restate/admin.ts';
import { type CrashFiles, crashFiles } from '../processes/crash-plan.ts';
import { atExit } from '../runs/at-exit.ts';
import { eventually } from '../runs/eventually.ts';
import { testFolder } from '../runs/test-folder.ts';
import { TEST_SECRET_KEY } from '../data/secret-keys.ts';
import { startPostgres, startRestate, type TestPostgres, type TestRestate } from '../servers/servers.ts';

/** A worker in its own process. Whenever the process ends, another is started. */
export interface WorkerProcess {
  readonly pid: number;
  /** Kills the process with SIGKILL. Resolves when the next process is ready. */
  kill(): Promise<void>;
  /** Kills the process with SIGKILL. No other process is started before `start`. */
  down(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The number of processes that SIGKILL has ended. */
  readonly deaths: number;
  /** The output of all processes. */
  log(): Promise<string>;
}

export interface ControlPlane {
  readonly db: Database;
  readonly postgres: TestPostgres;
  readonly restate: TestRestate;
  readonly admin: RestateAdmin;
  readonly ingress: Ingress;
  readonly worker: WorkerProcess;
  readonly crash: CrashFiles;
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly fsync?: boolean;
  /**
   * Whether to start the production worker, for measurements. By default tests start a worker that crashes on request
   * and records the messages that it sends.
   */
  readonly plainWorker?: boolean;
  /** Returns additional settings of the worker. Called after the databases have started. */
  readonly workerEnv?: (stores: { appUrl: string; ingressUrl: string }) => Promise<Record<string, string>>;
  /** Settings that override restate.toml, as `RESTATE_…` variables. */
  readonly restateEnv?: Readonly<Record<string, string>>;
}

/**
 * The error of a handler whose replay does other things than its first run. Restate retries the handler, so the test itself may pass. A
 * control plane therefore looks for this error in the worker's log when a test stops it.
 */
const JOURNAL_MISMATCH = 'RestateError: (570)';

/** Starts everything except the HTTP API: real PostgreSQL, real Restate, the real worker. */
export async function startControlPlane({
  fsync = false,
  plainWorker = false,
  workerEnv = async () => ({}),
  restateEnv = {},
}: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { folder, remove } = await testFolder('pointsman-plane-');
  const [postgres, restate] = await Promise.all([
    startPostgres({ fsync }),
    startRestate({ extraEnv: restateEnv }),
  ]);
  await migrate(postgres.ownerUrl, postgres.appUrl);
  const db = openDatabase(postgres.appUrl, { applicationName: 'test' });
  const entry = plainWorker ? '../../../services/worker/main.ts' : '../processes/crashing-worker.ts';
  const worker = await startWorkerProcess(
    folder,
    postgres,
    restate,
    fileURLToPath(new URL(entry, import.meta.url)),
    await workerEnv({ appUrl: postgres.appUrl, ingressUrl: restate.ingressUrl }),
  );
  return {
    db,
    postgres,
    restate,
    admin: new RestateAdmin(restate.adminUrl),
    ingress: connect({ url: restate.ingressUrl }),
    worker,
    crash: crashFiles(folder),
    async stop() {
      await worker.stop();
      await db.close();
      await Promise.all([restate.stop(), postgres.stop()]);
      const mismatch = (await worker.log()).split('\n').find((line) => line.includes(JOURNAL_MISMATCH));
      if (process.env['POINTSMAN_TEST_KEEP'])
        await copyFile(join(folder, 'worker.log'), process.env['POINTSMAN_TEST_KEEP']);
      await remove();
      if (mismatch !== undefined) throw new Error(`a handler is not deterministic: ${mismatch}`);
    },
  };
}

let shared: Promise<ControlPlane> | null = null;

/**
 * The control plane that the tests of this process share. It ends with the process. Each test creates its own tenants. A test that stops a
 * server, changes its settings, or reads data of other tenants must start its own control plane.
 */
export function sharedControlPlane(): Promise<ControlPlane> {
  return (shared ??= startControlPlane({ workerEnv: () => Promise.resolve(SHARED_SETTINGS) }));
}

/** The settings of the shared worker: an address for callbacks that no test calls, and access to servers on this machine. */
export const SHARED_SETTINGS = {
  POINTSMAN_PUBLIC_URL: 'https://points.example',
  POINTSMAN_OUTBOUND_ALLOW: '127.0.0.0/8',
};

async function startWorkerProcess(
  folder: string,
  postgres: TestPostgres,
  restate: TestRestate,
  entry: string,
  extraEnv: Record<string, string>,
): Promise<WorkerProcess> {
  // All worker processes use the same port. It is not one of the ports that the system assigns to outgoing
  // connections, so it stays free between two processes.
  const port = await PortBook.inMemory().free('worker');
  const log = await open(join(folder, 'worker.log'), 'a');
  let wanted = true;
  let deaths = 0;
  let child: ChildProcess | null = null;
  let ready: Promise<void> = Promise.resolve();

  const launch = async (): Promise<void> => {
    const launched = fork(entry, {
      // The worker must not get the options with which Vitest starts its processes.
      execArgv: [],
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      env: {
        ...process.env,
        CRASH_FOLDER: folder,
        DATABASE_URL: postgres.appUrl,
        RESTATE_INGRESS_URL: restate.ingressUrl,
        RESTATE_ADMIN_URL: restate.adminUrl,
        POINTSMAN_WORKER_PORT: String(port),
        POINTSMAN_WORKER_URL: `http://127.0.0.1:${port}`,
        POINTSMAN_SECRET_KEY: TEST_SECRET_KEY,
        POINTSMAN_LOG_LEVEL: 'warn',
        ...extraEnv,
      },
    });
    child = launched;
    launched.once('exit', (_code, signal) => {
      if (signal === 'SIGKILL') deaths += 1;
      if (!wanted) return;
      ready = launch();
      // If a process ends before it is ready, the next process replaces it. Only the caller that waits for the first process receives the
      // error.
      ready.catch(() => undefined);
    });
    const first = await Promise.race([once(launched, 'message'), once(launched, 'exit')]);
    if (launched.exitCode !== null && wanted && first.length === 2) {
      throw new Error(`the worker did not start:\n${await readFile(join(folder, 'worker.log'), 'utf8')}`);
    }
  };
  const down = async (): Promise<void> => {
    wanted = false;
    const dying = child;
    if (!dying || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill('SIGKILL');
    await gone;
  };
  const start = async (): Promise<void> => {
    wanted = true;
    ready = launch();
    await ready;
  };
  await start();
  const cancel = atExit(() => {
    wanted = false;
    child?.kill('SIGKILL');
  });
  return {
    get pid() {
      return child?.pid ?? -1;
    },
    get deaths() {
      return deaths;
    },
    log: () => readFile(join(folder, 'worker.log'), 'utf8'),
    down,
    start,
    async kill() {
      await down();
      await start();
    },
    async stop() {
      await down();
      cancel();
      await log.close();
    },
  };
}

let tenants = 0;

/** A tenant that no other test of this process uses. */
export async function newTenant(plane: ControlPlane): Promise<string> {
  const tenant = `t${process.pid}-${++tenants}`;
  await createTenant(plane.db, tenant, 'test', Date.now());
  return tenant;
}

export type PublishOptions = Partial<Omit<PublishRequest, 'source'>> & {
  readonly files?: Readonly<Record<string, string>>;
};

/** The number of sources that were published without a choice of their files. Each of them is different. */
let published = 0;

/** Publishes as the API does: stores the source, then calls the Tenant object. */
export async function publish(
  plane: ControlPlane,
  tenant: string,
  { files = { 'config.json': `{"a":${++published}}` }, ...asked }: PublishOptions = {},
): Promise<PublishResult> {
  const contents = new Map<string, Uint8Array>();
  const entries = Object.entries(files).map(([path, text]) => {
    const content = Buffer.from(text);
    const digest = digestOf(content);
    contents.set(digest, content);
    return { path, digest, size: content.length };
  });
  const tree = sourceTree(entries);
  await storeSource(plane.db, tenant, tree, contents);
  const bundle = asked.bundle ?? 'bundle';
  const request: PublishRequest = {
    bundle,
    channel: 'live',
    createChannel: true,
    source: tree.digest,
    onConflict: 'supersede',
    message: null,
    ifGeneration: null,
    by: 'test',
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf(`${bundle}:${tree.digest}`),
    requestId: crypto.randomUUID(),
    ...asked,
  };
  return plane.ingress.client(Tenant, tenant).publish(request);
}

/** Publishes, and fails the test if the publish is not accepted. */
export async function accepted(
  plane: ControlPlane,
  tenant: string,
  options: PublishOptions = {},
): Promise<number> {
  const answer = await publish(plane, tenant, options);
  if (answer.kind !== 'accepted') throw new Error(`the publish was not accepted: ${JSON.stringify(answer)}`);
  return answer.version;
}

/** Waits until a release has settled. */
export async function settled(
  plane: ControlPlane,
  tenant: string,
  version: number,
  { bundle = 'bundle' }: { bundle?: string } = {},
) {
  return eventually(
    async () => {
      const release = await findRelease(plane.db, { tenant, bundle, version });
      return release?.status === 'settled' ? release : null;
    },
    { what: `${tenant}/${bundle}/v${version} settled` },
  );
}
