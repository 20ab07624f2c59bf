import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';

import type { Cli } from '../context.ts';
import { CliError } from '../failures.ts';
import { cliLimits } from '../limits.ts';

/** `pointsman up`: runs all processes of Pointsman on this machine, as `npm start` does. */
export function upCommand(cli: Cli): Command {
  return new Command('up')
    .description('start everything on this machine, until Ctrl-C (the same as npm start)')
    .action(async () => {
      cli.finish((await runStack(cli)) ? 'done' : 'failed');
    });
}

async function runStack(cli: Cli): Promise<boolean> {
  const main = stackMain();
  const stack = spawn(process.execPath, [main], {
    // The stack (all processes of Pointsman) runs in its own process group. Ctrl-C therefore reaches only
    // this process, which stops the stack once. If this process dies, its IPC channel closes, and the stack
    // stops by itself.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...cli.env },
  });
  let kill: NodeJS.Timeout | undefined;
  cli.signal.addEventListener('abort', () => {
    stack.kill('SIGTERM');
    kill = setTimeout(() => stack.kill('SIGKILL'), cliLimits.stopMs);
  });
  const [code] = (await once(stack, 'exit')) as [number | null];
  clearTimeout(kill);
  return code === 0;
}

/**
 * Returns the path of the script that starts all processes of Pointsman. The script is in the package
 * `@pointsman/dev`, which includes PostgreSQL and Restate. Throws CliError if that package is not installed.
 */
function stackMain(): string {
  try {
    return fileURLToPath(import.meta.resolve('@pointsman/dev/stack'));
  } catch (cause) {
    throw new CliError(
      'usage',
      'The package @pointsman/dev, which runs everything on this machine, is not installed.',
      {
        hints: ['Install it next to pointsman: npm install --save-dev @pointsman/dev'],
        cause,
      },
    );
  }
}
