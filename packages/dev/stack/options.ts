import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StackConfig } from '../../../services/config/config.ts';
import type { Environment } from '../../../services/config/read-settings.ts';

export interface StackOptions {
  readonly config: StackConfig;
  /** The environment that the API and the worker inherit. The stack's own settings override it. */
  readonly env: Environment;
  /** Prints one line for the user. */
  readonly print: (line: string) => void;
  /** Called when a part can't be kept running. The stack has already stopped. */
  readonly onFailed: (reason: string) => void;
  /** Aborts a running start. */
  readonly signal?: AbortSignal;
  /** Overrides settings of restate.toml. For tests. */
  readonly restateEnv?: Readonly<Record<string, string>>;
  /** Set to false only in tests that do not test durability. */
  readonly fsync?: boolean;
  /** Default: the project's own processes. Tests replace them. */
  readonly scripts?: Scripts;
}

/** The entry files of the processes that the stack starts. They are never imported. */
export interface Scripts {
  readonly migrate: string;
  readonly worker: string;
  readonly api: string;
}

export const ownScripts: Scripts = {
  migrate: scriptPath('../../../services/migrate/main'),
  worker: scriptPath('../../../services/worker/main'),
  api: scriptPath('../../../services/api/main'),
};

/** The path of a script relative to this one, in the source or in the build. */
export function scriptPath(name: string): string {
  return fileURLToPath(new URL(name + extname(import.meta.filename), import.meta.url));
}
