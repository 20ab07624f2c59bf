import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StackConfig } from '../../../services/config/config.ts';
import type { Environment } from '../../../services/config/read-settings.ts';

export interface StackOptions {
  readonly config: StackConfig;
  /** The environment for the API and the worker. Settings of the stack override its variables. */
  readonly env: Environment;
  /** Prints one line for the user. */
  readonly print: (line: string) => void;
  /** Called when a process ends too often to be restarted. All other processes have been stopped before. */
  readonly onFailed: (reason: string) => void;
  /** Aborts the start while it is in progress. */
  readonly signal?: AbortSignal;
  /** Variables that override settings of restate.toml. Only tests set them. */
  readonly restateEnv?: Readonly<Record<string, string>>;
  /**
   * Default: true. False makes PostgreSQL faster but loses data in a power failure, so it is only for tests.
   */
  readonly fsync?: boolean;
  /** The scripts of the API, the worker and the migration. Tests replace the default. */
  readonly scripts?: Scripts;
}

/** The files that the stack runs in processes of their own. The stack never imports them. */
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

/**
 * Returns the absolute path of a script, given its path relative to this file without the extension. Works
 * both in the source and in the compiled output.
 */
export function scriptPath(name: string): string {
  return fileURLToPath(new URL(name + extname(import.meta.filename), import.meta.url));
}
