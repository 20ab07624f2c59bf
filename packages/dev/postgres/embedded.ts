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
  /** The absolute path of the data folder. It is created if it does not exist. */
  readonly dataDir: string;
  /** The port to listen on. The server listens only on 127.0.0.1. */
  readonly port: number;
  readonly logFile: string;
  /** Default: true. False is faster but loses data in a power failure, so it is only for tests. */
  readonly fsync?: boolean;
  /**
   * Called as soon as the process exists, long before it is ready. From then on the caller must end the
   * process if the start is aborted.
   */
  readonly onStarted?: (process: ServerProcess) => void;
}

export interface EmbeddedPostgres {
  readonly process: ServerProcess;
  /** The connection URL for the role that owns the database. */
  readonly ownerUrl: string;
  /** The connection URL for the role of the API and the worker. The migration creates that role. */
  readonly appUrl: string;
  /**
   * Stops the server with a fast shutdown, which rolls back open transactions. If that takes too long, it is
   * killed, after about 18 s in total.
   */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL server that npm installed, with the database `pointsman`. Resolves when it accepts
 * queries.
 *
 * Throws PortTakenError if another process uses the port. Throws ServerNotReadyError, with the end of the
 * log, if the server does not start. Also throws the errors of {@link prepareCluster} and {@link
 * postgresUser}.
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

/**
 * The signals that stop PostgreSQL: SIGINT for a fast shutdown, then SIGQUIT for an immediate one. After an
 * immediate shutdown, the next start must run a crash recovery.
 */
export const stopSteps = [
  ['SIGINT', serverLimits.stopMs],
  ['SIGQUIT', serverLimits.abortMs],
] as const;

// Starts the server, and waits if necessary until the backend processes of a killed server have ended. They
// outlive it for a moment and use its shared memory, so PostgreSQL refuses to start before that.
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
  // The settings are passed on the command line and not stored in the data folder. An older data folder
  // therefore runs with the current settings too.
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
      // If the port belongs to a server on a copy of this data folder, it has the same password and responds.
      // The server that was just started can't use the port then, and it will end.
      ({ rows }) => (rows[0]?.folder === resolve(dataDir) ? ('ready' as const) : 'another'),
      (error: { code?: string }) => error.code,
    );
    // If the port belongs to a different server, it rejects the password. The server that was just started
    // can't use the port then, and it will end.
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
  // When an idle connection breaks, it emits an error. It is ignored here, because the next query on the
  // connection throws the same error.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
