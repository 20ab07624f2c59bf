import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PortBook, startOnPorts } from '../../../packages/dev/embedded/ports.ts';
import type { ServerProcess } from '../../../packages/dev/embedded/server-process.ts';
import { startEmbeddedPostgres } from '../../../packages/dev/postgres/embedded.ts';
import { startEmbeddedRestate } from '../../../packages/dev/restate/embedded.ts';
import { replaySettings } from '../runs/replay.ts';

export interface TestPostgres {
  readonly ownerUrl: string;
  /** Of the app's role, which `migrate(ownerUrl, appUrl)` makes. */
  readonly appUrl: string;
  readonly pid: number;
  /** Ends it with SIGKILL and waits until it is gone. Its data stays. */
  kill(): Promise<void>;
  /** Starts it again on its data and at the same addresses, ending it first if it still runs. */
  restart(): Promise<void>;
  /** Also removes its data. */
  stop(): Promise<void>;
}

export interface TestRestate {
  readonly ingressUrl: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Ends it with SIGKILL and waits until it is gone. Its data stays. */
  kill(): Promise<void>;
  /** Starts it again on its data and at the same addresses, ending it first if it still runs. */
  restart(): Promise<void>;
  /** Ends it, removes all that it knew, and starts it again at the same addresses: the disk is gone. */
  lose(): Promise<void>;
  /** Also removes its data. */
  stop(): Promise<void>;
}

/** A PostgreSQL of this test's own, empty, with fsync off unless asked for: enough for tests of anything but durability. */
export async function startPostgres({ fsync = false }: { fsync?: boolean } = {}): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-postgres-'));
  const book = PortBook.inMemory();
  const start = () =>
    startOnPorts(book, ['postgres'], (ports) =>
      startEmbeddedPostgres({
        dataDir: join(folder, 'data'),
        logFile: join(folder, 'postgres.log'),
        port: ports.postgres,
        fsync,
        onStarted: endWithUs,
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
        throw new Error('somebody took the port of the test’s PostgreSQL while it was down');
    },
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A Restate server of this test's own, empty. `extraEnv` overrides restate.toml with `RESTATE_…` variables. */
export async function startRestate({
  extraEnv = {},
}: { extraEnv?: Record<string, string> } = {}): Promise<TestRestate> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-restate-'));
  const book = PortBook.inMemory();
  const start = () =>
    startOnPorts(book, ['ingress', 'admin', 'fabric'], (ports) =>
      startEmbeddedRestate({
        dataDir: join(folder, 'data'),
        logFile: join(folder, 'restate.log'),
        ports,
        extraEnv: { ...replaySettings, ...extraEnv },
        onStarted: endWithUs,
      }),
    );
  let server = await start();
  const again = async (): Promise<void> => {
    const before = server.adminUrl;
    server = await start();
    if (server.adminUrl !== before)
      throw new Error('somebody took the port of the test’s Restate while it was down');
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
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const running = new Set<ServerProcess>();

// A test process that ends without stopping its servers, because a test threw or hung, takes them along.
export function endWithUs(server: ServerProcess): void {
  running.add(server);
  void server.ended.then(() => running.delete(server));
}

process.on('exit', () => {
  for (const server of running) server.signal('SIGKILL');
});
