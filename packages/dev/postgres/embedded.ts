import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { appDatabaseUrl } from '../../../services/config/database-urls.ts';
import { serverLimits } from '../embedded/limits.ts';
import { PortTakenError } from '../embedded/ports.ts';
import {
  ServerNotReadyError,
  startServerProcess,
  waitUntilReady,
  type ServerProcess,
} from '../embedded/server-process.ts';
import { embeddedBinaries } from './embedded-binaries.ts';
import { OWNER_ROLE, postgresEnv, prepareCluster } from './embedded-cluster.ts';
import { postgresUser, type PostgresUser } from './embedded-user.ts';

export interface EmbeddedPostgresOptions {
  /** An absolute path. Created if it is missing. */
  readonly dataDir: string;
  /** The port on 127.0.0.1. The server listens on no other address. */
  readonly port: number;
  readonly logFile: string;
  /** Set to false only in tests that do not test durability. */
  readonly fsync?: boolean;
  /** Called as soon as the process exists, long before it is ready: from then on a caller may have to end it. */
  readonly onStarted?: (process: ServerProcess) => void;
}

export interface EmbeddedPostgres {
  readonly process: ServerProcess;
  /** The connection URL of the role that owns the server. */
  readonly ownerUrl: string;
  /** The connection URL of the role with which the API and the worker log in. `migrate` creates that role. */
  readonly appUrl: string;
  /** Stops the server as fast as a clean shutdown allows: open transactions are rolled back. After about 18 s it is killed. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL that npm installed, and resolves when it accepts queries. Its database is
 * `pointsman`.
 *
 * Throws PortTakenError when the port is taken, ServerNotReadyError with the end of the log when the server
 * does not start, and the errors of {@link prepareCluster} and {@link postgresUser}.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, fsync = true } = options;
  const binaries = await embeddedBinaries();
  const user = await postgresUser(binaries.postgres, dataDir);
  const password = await prepareCluster(binaries.initdb, dataDir, user, { fsync });
  const ownerUrl = `postgres://${OWNER_ROLE}:${password}@127.0.0.1:${options.port}/pointsman`;
  const appUrl = appDatabaseUrl(ownerUrl);
  if (appUrl === null) throw new Error(`the password in ${dataDir} is empty`);
  const server = await startWhenOrphansAreGone(binaries.postgres, user, { ...options, fsync }, ownerUrl);
  const stop = () => server.stop(stopSteps);
  try {
    await ensureDatabase(ownerUrl);
  } catch (error) {
    await stop();
    throw error;
  }
  return { process: server, ownerUrl, appUrl, stop };
}

/** Fast shutdown, then immediate shutdown, which costs the next start a recovery. */
export const stopSteps = [
  ['SIGINT', serverLimits.stopMs],
  ['SIGQUIT', serverLimits.abortMs],
] as const;

// The backends of a killed postmaster outlive it for a moment and hold its shared memory. PostgreSQL rightly refuses to start until they
// have ended.
async function startWhenOrphansAreGone(
  binary: string,
  user: PostgresUser,
  options: EmbeddedPostgresOptions & { fsync: boolean },
  ownerUrl: string,
): Promise<ServerProcess> {
  const deadline = performance.now() + serverLimits.orphansMs;
  for (;;) {
    try {
      return await startOnce(binary, user, options, ownerUrl);
    } catch (error) {
      const words = error instanceof ServerNotReadyError ? error.logTail : '';
      if (/Address already in use/.test(words)) {
        throw new PortTakenError(`port ${options.port} is taken`, { cause: error });
      }
      if (!/pre-existing shared memory block/.test(words) || performance.now() > deadline) throw error;
      await delay(serverLimits.pollMs);
    }
  }
}

async function startOnce(
  binary: string,
  user: PostgresUser,
  options: EmbeddedPostgresOptions & { fsync: boolean },
  ownerUrl: string,
): Promise<ServerProcess> {
  // Settings are passed on the command line, not stored in the data folder, so an older folder runs with the current settings.
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    unix_socket_directories: '',
    fsync: options.fsync ? 'on' : 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d ',
  };
  const args = ['-D', options.dataDir, ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`])];
  const command = { ...user.command(binary, args), env: postgresEnv(), logFile: options.logFile };
  const server = await startServerProcess(command);
  options.onStarted?.(server);
  try {
    await waitUntilReady('PostgreSQL', server, readyProbe(maintenanceUrl(ownerUrl), options.dataDir));
    return server;
  } catch (error) {
    await server.stop(stopSteps);
    throw error;
  }
}

function readyProbe(url: string, dataDir: string): () => Promise<boolean> {
  let refusals = 0;
  return async () => {
    const outcome = await withClient(url, (client) =>
      client.query<{ folder: string }>("SELECT current_setting('data_directory') AS folder"),
    ).then(
      // A server on a copy of this data folder has the same password and port. If it responds, the started
      // server can't listen and is about to end.
      ({ rows }) => (rows[0]?.folder === resolve(dataDir) ? ('ready' as const) : 'another'),
      (error: { code?: string }) => error.code,
    );
    // A different server on that port rejects the password. The started server can't listen then, and is
    // about to end.
    if (outcome === '28P01' && ++refusals > serverLimits.refusals) {
      throw new Error('PostgreSQL does not accept the password in its data folder');
    }
    return outcome === 'ready';
  };
}

async function ensureDatabase(ownerUrl: string): Promise<void> {
  await withClient(maintenanceUrl(ownerUrl), async (client) => {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = 'pointsman'");
    if (found.rowCount === 0) await client.query('CREATE DATABASE pointsman');
  });
}

function maintenanceUrl(ownerUrl: string): string {
  const url = new URL(ownerUrl);
  url.pathname = '/postgres';
  return url.href;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: serverLimits.probeMs });
  // An idle connection that breaks emits an error; the query that follows it reports the same.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
