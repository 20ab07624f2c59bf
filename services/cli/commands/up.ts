import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';

import type { Cli } from '../context.ts';
import { cliLimits } from '../limits.ts';

/** `pointsman up`: the whole of Pointsman on this machine, as `npm start` runs it. */
export function upCommand(cli: Cli): Command {
  return new Command('up')
    .description('start everything on this machine, and stay until Ctrl-C (the same as npm start)')
    .action(async () => {
      cli.finish((await runStack(cli)) ? 'done' : 'failed');
    });
}

async function runStack(cli: Cli): Promise<boolean> {
  // The same ending as ours: .ts in the working tree, .js in a build.
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const main = fileURLToPath(new URL(`../../stack/main.${ending}`, import.meta.url));
  const stack = spawn(process.execPath, [main], {
    // A group of its own: Ctrl-C reaches only us, and the stack is told once. The channel tells it when we are gone.
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
