import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stackConfig } from '../../../services/config/config.ts';
import type { Environment } from '../../../services/config/read-settings.ts';
import type { PartName } from '../../../packages/dev/stack/orphans.ts';
import type { Scripts } from '../../../packages/dev/stack/options.ts';
import { startStack } from '../../../packages/dev/stack/stack.ts';
import { replaySettings } from '../runs/replay.ts';

/** One process of a running stack. The supervisor restarts it when it ends by itself or by `kill`. */
export interface TestProcess {
  /** Null while the process does not run. */
  readonly pid: number | null;
  kill(signal: NodeJS.Signals): void;
  /** Ends the process in order if it runs, starts it again, and waits until it is ready. */
  restart(): Promise<void>;
  /** Ends the process in order. It is not started again before `restart`. */
  stop(): Promise<void>;
}

export interface TestStack {
  readonly apiUrl: string;
  readonly adminToken: string;
  /** The address for the role that the processes log in as. */
  readonly databaseUrl: string;
  readonly ownerUrl: string;
  readonly restate: { readonly ingressUrl: string; readonly adminUrl: string };
  readonly home: string;
  readonly processes: Readonly<Record<PartName, TestProcess>>;
  /** The lines that the stack has printed for the person who started it. */
  readonly said: readonly string[];
  /** Ends every process, and removes the home folder unless the test passed it. */
  stop(): Promise<void>;
}

export interface TestStackOptions {
  /** A folder that is kept. By default the stack uses a new one, which is removed at the end. */
  readonly home?: string;
  /** Further settings. The API listens on any free port. */
  readonly env?: Environment;
  /** Settings that override restate.toml, as `RESTATE_…` variables. */
  readonly restateEnv?: Readonly<Record<string, string>>;
  /** False by default, which is faster, and loses data when the power fails. */
  readonly fsync?: boolean;
  readonly scripts?: Scripts;
  readonly onFailed?: (reason: string) => void;
}

/**
 * Starts the same processes as `npm start`, for tests from outside. When the test process ends, the watchdog
 * ends the stack.
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
