import type { Command } from 'commander';

import type { ApiClient } from '@pointsman/client/internal/http/client';
import { cliClient } from './connection/cli-client.ts';
import { connection } from './connection/connection.ts';
import type { ExitName } from './exit-codes.ts';
import { bundleOf, tenantIfGiven, tenantOf, type Environment, type GlobalOptions } from './settings.ts';
import { guarded } from './output/terminal-guard.ts';
import { terminal, type OutputStream, type Terminal } from './output/terminal.ts';

/** The resources of the process that the command line uses. Tests replace them. */
export interface Surroundings {
  readonly env: Environment;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Aborted when the user interrupts the command. The abort reason is the error to show. */
  readonly signal: AbortSignal;
  /**
   * Asks the user a question at the terminal. Returns an empty answer at the end of input. Undefined if there
   * is no terminal.
   */
  readonly prompt?: (question: string, signal: AbortSignal) => Promise<string>;
  /** Reads all of standard input. Used for secrets, which must not be on a command line. */
  readonly readStdin: () => Promise<string>;
  /** Tests set this to shorten the wait before the first retry. */
  readonly firstRetryMs?: number;
}

/** One run of the command line: the resources that the commands use, and a callback for the result. */
export interface Cli extends Surroundings {
  /** The command that ran calls this once, with the name of its exit code. */
  finish(exit: ExitName): void;
}

/** The resources that the action of one command uses: the output, the API client, and the settings. */
export interface CommandRun {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  readonly client: ApiClient;
  /** Asks the user a question at the terminal. Null in a pipe and with `--json`. */
  readonly prompt: ((question: string) => Promise<string>) | null;
  readonly readStdin: () => Promise<string>;
  tenant(): string;
  tenantIfGiven(): string | null;
  bundle(argument?: string): string;
}

/** Creates the context of a command from the global options. Throws CliError if a setting is invalid. */
export function commandRun(cli: Cli, command: Command): CommandRun {
  const options: GlobalOptions = command.optsWithGlobals();
  const { env, signal, prompt, readStdin } = cli;
  return {
    env,
    signal,
    terminal: terminal({ stdout: cli.stdout, stderr: cli.stderr, env, json: options.json === true }),
    client: cliClient(connection(options, env), signal, cli.firstRetryMs),
    prompt:
      prompt === undefined || options.json === true ? null : (question) => prompt(guarded(question), signal),
    readStdin,
    tenant: () => tenantOf(options, env),
    tenantIfGiven: () => tenantIfGiven(options, env),
    bundle: (argument) => bundleOf(options, env, argument),
  };
}
