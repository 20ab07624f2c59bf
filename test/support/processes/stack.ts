import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stackConfig } from '../../../services/config/config.ts';
import type { Environment } from '../../../services/config/read-settings.ts';
import type { PartName } from '../../../packages/dev/stack/orphans.ts';
import type { Scripts } from '../../../packages/dev/stack/options.ts';
import { startStack } from '../../../packages/dev/stack/stack.ts';
import { replaySettings } from '../runs/replay.ts';

/** One process of a running stack. The supervisor starts it again when it ends by itself or by `kill`. */
export interface TestProcess {
  /** Null while it is down. */
  readonly pid: number | null;
  kill(signal: NodeJS.Signals): void;
  /** Ends it in order if it runs, starts it again, and waits until it is ready. */
  restart(): Promise<void>;
  /** Ends it in order; it stays down until `restart`. */
  stop(): Promise<void>;
}

export interface TestStack {
  readonly apiUrl: string;
  readonly adminToken: string;
  /** As the role that the processes log in as. */
  readonly databaseUrl: string;
  readonly ownerUrl: string;
  readonly restate: { readonly ingressUrl: string; readonly adminUrl: string };
  readonly home: string;
  readonly processes: Readonly<Record<PartName, TestProcess>>;
  /** What the person who started it would have read. */
  readonly said: readonly string[];
  /** Ends everything, and removes the home unless it was given. */
  stop(): Promise<void>;
}

export interface TestStackOptions {
  /** A folder that is kept; a new one, removed at the end, when left out. */
  readonly home?: string;
  /** Further settings; the API listens on any free port. */
  readonly env?: Environment;
  /** Over restate.toml, as `RESTATE_…` variables. */
  readonly restateEnv?: Readonly<Record<string, string>>;
  /** False, the default, is faster, and loses what a power cut would. */
  readonly fsync?: boolean;
  readonly scripts?: Scripts;
  readonly onFailed?: (reason: string) => void;
}

/** The whole of what `npm start` runs, for tests from outside. A test process that dies takes it along: the watchdog sees to it. */
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
