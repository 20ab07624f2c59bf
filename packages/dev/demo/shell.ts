import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { styleText } from 'node:util';
import { fileURLToPath } from 'node:url';

import { demoLimits } from './limits.ts';

/** Runs the commands of the demo, and prints each of them with its output. */
export interface Shell {
  /** Prints a heading. */
  readonly heading: (text: string) => void;
  /**
   * Runs a `pointsman …` command, and prints it with its output. Throws if its exit code is not the expected
   * one (default: 0).
   */
  readonly pointsman: (args: readonly string[], expected?: { exit: number }) => Promise<void>;
}

/**
 * Creates a shell whose commands run in the project's folder with this environment. When `signal` aborts, the
 * running command is ended.
 */
export function shell(env: Readonly<Record<string, string>>, signal: AbortSignal): Shell {
  return {
    heading: (text) => void process.stdout.write(`\n${styleText('bold', text)}\n`),
    pointsman: async (args, { exit } = { exit: 0 }) => {
      const line = ['pointsman', ...args.map(quoted)].join(' ');
      process.stdout.write(`${styleText('dim', '$')} ${styleText('cyan', line)}\n`);
      const got = await run(args, env, signal);
      signal.throwIfAborted();
      if (got !== exit) throw new Error(`"${line}" exited with ${got}, and ${exit} was expected`);
    },
  };
}

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number | string> {
  const cli = fileURLToPath(import.meta.resolve('pointsman/pointsman.js'));
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...env },
    signal,
    killSignal: 'SIGTERM',
    timeout: demoLimits.commandMs,
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const [code, killedBy] = await exited.catch((error: unknown) => {
    if (signal.aborted) throw signal.reason;
    throw error;
  });
  return code ?? killedBy ?? 'nothing';
}

function quoted(argument: string): string {
  return /^[\w./:@=-]+$/.test(argument) ? argument : `'${argument}'`;
}
