import type { Command } from 'commander';

import type { ApiClient } from '@pointsman/client/internal/http/client';
import { cliClient } from './connection/cli-client.ts';
import { connection } from './connection/connection.ts';
import type { ExitName } from './exit-codes.ts';
import { bundleOf, tenantIfGiven, tenantOf, type Environment, type GlobalOptions } from './settings.ts';
import { guarded } from './output/terminal-guard.ts';
import { terminal, type OutputStream, type Terminal } from './output/terminal.ts';

/** The dependencies of the command line on its process. */
export interface Surroundings {
  readonly env: Environment;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Aborted when the user interrupts. Its reason is the message to show. */
  readonly signal: AbortSignal;
  /** Asks the user at the terminal; an empty answer at the end of input. Missing without a terminal. */
  readonly prompt?: (question: string, signal: AbortSignal) => Promise<string>;
  /** Reads standard input, for secrets that must not be on a command line. */
  readonly readStdin: () => Promise<string>;
  /** Overrides the wait before the first retry. For tests. */
  readonly firstRetryMs?: number;
}

/** One run of the command line: the dependencies of the commands, and a callback for the result. */
export interface Cli extends Surroundings {
  /** Called once by the command that ran. */
  finish(exit: ExitName): void;
}

/** One run of one command. */
export interface CommandRun {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  readonly client: ApiClient;
  /** Null without a terminal: in a pipe, and with `--json`. */
  readonly prompt: ((question: string) => Promise<string>) | null;
  readonly readStdin: () => Promise<string>;
  tenant(): string;
  tenantIfGiven(): string | null;
  bundle(argument?: string): string;
}

/** Prepares the run of a command from the global options. Throws CliError for an invalid setting. */
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
