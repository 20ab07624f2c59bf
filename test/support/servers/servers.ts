import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PortBook, startOnPorts } from '../../../packages/dev/embedded/ports.ts';
import type { ServerProcess } from '../../../packages/dev/embedded/server-process.ts';
import { startEmbeddedPostgres } from '../../../packages/dev/postgres/embedded.ts';
import { startEmbeddedRestate } from '../../../packages/dev/restate/embedded.ts';
import { atExit } from '../runs/at-exit.ts';
import { POSTGRES_TEMPLATE } from '../runs/postgres-template.ts';
import { replaySettings } from '../runs/replay.ts';
import { testFolder } from '../runs/test-folder.ts';

export interface TestPostgres {
  readonly ownerUrl: string;
  /** The database URL of the app's role, which `migrate(ownerUrl, appUrl)` creates. */
  readonly appUrl: string;
  readonly pid: number;
  /** Kills the server with SIGKILL and waits until it has ended. Its data is kept. */
  kill(): Promise<void>;
  /** Starts the server again with its data and at the same addresses. Ends it first if it still runs. */
  restart(): Promise<void>;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
}

export interface TestRestate {
  readonly ingressUrl: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Kills the server with SIGKILL and waits until it has ended. Its data is kept. */
  kill(): Promise<void>;
  /** Starts the server again with its data and at the same addresses. Ends it first if it still runs. */
  restart(): Promise<void>;
  /** Simulates the loss of the disk: ends the server, removes its data, and starts it again at the same addresses. */
  lose(): Promise<void>;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
}

/** Starts an empty PostgreSQL that only this test uses. By default fsync is off, which is sufficient unless a test is about durability. */
export async function startPostgres({ fsync = false }: { fsync?: boolean } = {}): Promise<TestPostgres> {
  const { folder, remove } = await testFolder('pointsman-postgres-');
  await copyTemplate(join(folder, 'data'));
  const book = PortBook.inMemory();
  const start = () =>
    startOnPorts(book, ['postgres'], (ports) =>
      startEmbeddedPostgres({
        dataDir: join(folder, 'data'),
        logFile: join(folder, 'postgres.log'),
        port: ports.postgres,
        fsync,
        onStarted: endWithTestProcess,
      }),
    );
  let server = await start();
  const { ownerUrl, appUrl } = server;
  return {
    ownerUrl,
    appUrl,
    get pid() {
      return server.process.pid;
    },
    kill: () => server.process.stop([]),
    restart: async () => {
      await server.stop();
      server = await start();
      if (server.ownerUrl !== ownerUrl)
        throw new Error('another process took the port of the test’s PostgreSQL while it was down');
    },
    stop: async () => {
      await server.stop();
      await remove();
    },
  };
}

/**
 * Copies the initialized PostgreSQL, including file owners. Without a template (in a benchmark or a single process) the start runs `initdb`
 * itself.
 */
async function copyTemplate(dataDir: string): Promise<void> {
  const template = process.env[POSTGRES_TEMPLATE];
  if (template !== undefined) await promisify(execFile)('cp', ['-a', template, dataDir]);
}

/** Starts an empty Restate server that only this test uses. `extraEnv` overrides restate.toml with `RESTATE_…` variables. */
export async function startRestate({
  extraEnv = {},
}: { extraEnv?: Record<string, string> } = {}): Promise<TestRestate> {
  const { folder, remove } = await testFolder('pointsman-restate-');
  const book = PortBook.inMemory();
  const start = () =>
    startOnPorts(book, ['ingress', 'admin', 'fabric'], (ports) =>
      startEmbeddedRestate({
        dataDir: join(folder, 'data'),
        logFile: join(folder, 'restate.log'),
        ports,
        extraEnv: { ...replaySettings, ...extraEnv },
        onStarted: endWithTestProcess,
      }),
    );
  let server = await start();
  const again = async (): Promise<void> => {
    const before = server.adminUrl;
    server = await start();
    if (server.adminUrl !== before)
      throw new Error('another process took the port of the test’s Restate while it was down');
  };
  return {
    ingressUrl: server.ingressUrl,
    adminUrl: server.adminUrl,
    get pid() {
      return server.process.pid;
    },
    kill: () => server.process.stop([]),
    restart: async () => {
      await server.stop();
      await again();
    },
    lose: async () => {
      await server.process.stop([]);
      await rm(join(folder, 'data'), { recursive: true, force: true });
      await again();
    },
    stop: async () => {
      await server.stop();
      await remove();
    },
  };
}

/** Ends the server if the test process ends without stopping it. */
export function endWithTestProcess(server: ServerProcess): void {
  void server.ended.then(atExit(() => server.signal('SIGKILL')));
}
