import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stackConfig } from '../../../services/config/config.ts';
import type { Environment } from '../../../services/config/read-settings.ts';
import type { PartName } from '../../../packages/dev/stack/orphans.ts';
import type { Scripts } from '../../../packages/dev/stack/options.ts';
import { startStack } from '../../../packages/dev/stack/stack.ts';
import { replaySettings } from '../runs/replay.ts';

/** One process of a running stack. The supervisor restarts it if it ends by itself or by `kill`. */
export interface TestProcess {
  /** Null while the process does not run. */
  readonly pid: number | null;
  kill(signal: NodeJS.Signals): void;
  /** Shuts the process down gracefully if it runs, starts it again, and waits until it is ready. */
  restart(): Promise<void>;
  /** Shuts the process down gracefully. The supervisor does not start it again before `restart`. */
  stop(): Promise<void>;
}

export interface TestStack {
  readonly apiUrl: string;
  readonly adminToken: string;
  /** The database URL of the role with which the processes log in. */
  readonly databaseUrl: string;
  readonly ownerUrl: string;
  readonly restate: { readonly ingressUrl: string; readonly adminUrl: string };
  readonly home: string;
  readonly processes: Readonly<Record<PartName, TestProcess>>;
  /** The lines that the stack has printed. */
  readonly said: readonly string[];
  /** Ends every process, and removes the home folder unless the test passed one. */
  stop(): Promise<void>;
}

export interface TestStackOptions {
  /**
   * An existing folder, which is kept after the test. By default the stack uses a new folder, and removes it at the
   * end.
   */
  readonly home?: string;
  /** Additional settings of the stack. By default the API listens on any free port. */
  readonly env?: Environment;
  /** Settings that override restate.toml, as `RESTATE_…` variables. */
  readonly restateEnv?: Readonly<Record<string, string>>;
  /** Whether PostgreSQL uses fsync. False by default, which is faster. A power failure could then lose data. */
  readonly fsync?: boolean;
  readonly scripts?: Scripts;
  readonly onFailed?: (reason: string) => void;
}

/**
 * Starts the same processes as `npm start`, for tests that call them over the network. When the test process ends,
 * the watchdog ends the stack.
 */
export async function startTestStack(options: TestStackOptions = {}): Promise<TestStack> {
  const { fsync = false, onFailed = () => undefined, restateEnv, scripts } = options;
  const folder = options.home ?? (await mkdtemp(join(tmpdir(), 'pointsman-stack-')));
  const said: string[] = [];
  const stack = await startStack({
    config: stackConfig({ POINTSMAN_PORT: '0', POINTSMAN_HOME: folder, ...options.env }),
    env: process.env,
    print: (line) => void said.push(line),
    onFailed,
    fsync,
    restateEnv: { ...replaySettings, ...restateEnv },
    ...(scripts === undefined ? {} : { scripts }),
  });
  const testProcess = (name: PartName): TestProcess => {
    const part = () => {
      const found = stack.parts.get(name);
      if (found === undefined) throw new Error(`${name} runs elsewhere`);
      return found;
    };
    return {
      get pid() {
        return part().pid;
      },
      kill: (signal) => part().signal(signal),
      restart: async () => {
        await part().stop();
        await part().start();
      },
      stop: () => part().stop(),
    };
  };
  return {
    apiUrl: stack.apiUrl,
    adminToken: stack.admin.token ?? '',
    databaseUrl: stack.database.appUrl,
    ownerUrl: stack.database.ownerUrl,
    restate: { ingressUrl: stack.restate.ingressUrl, adminUrl: stack.restate.adminUrl },
    home: stack.dataDir.path,
    processes: {
      api: testProcess('api'),
      worker: testProcess('worker'),
      restate: testProcess('restate'),
      postgres: testProcess('postgres'),
    },
    said,
    stop: async () => {
      await stack.stop();
      if (options.home === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
