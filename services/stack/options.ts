import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StackConfig } from '../config/config.ts';
import type { Environment } from '../config/read-settings.ts';

export interface StackOptions {
  readonly config: StackConfig;
  /** What the API and the worker inherit, under the settings that the stack gives them. */
  readonly env: Environment;
  /** One line for the person who started the stack. */
  readonly say: (line: string) => void;
  /** A part could not be kept running. The stack has stopped by then. */
  readonly onFailed: (reason: string) => void;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
  /** Settings over those of restate.toml. For tests. */
  readonly restateEnv?: Readonly<Record<string, string>>;
  /** False only in tests that do not test durability. */
  readonly fsync?: boolean;
  /** The project's own processes, unless a test brings others. */
  readonly scripts?: Scripts;
}

/** The entry files of the processes that the stack starts. They are started, never imported. */
export interface Scripts {
  readonly migrate: string;
  readonly worker: string;
  readonly api: string;
}

export const ownScripts: Scripts = {
  migrate: scriptPath('../migrate/main'),
  worker: scriptPath('../worker/main'),
  api: scriptPath('../api/main'),
};

/** A script beside this one, whether this is the source or what was built of it. */
export function scriptPath(name: string): string {
  return fileURLToPath(new URL(name + extname(import.meta.filename), import.meta.url));
}
