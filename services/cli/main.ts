import { text } from 'node:stream/consumers';

import { askAtTerminal } from './prompt.ts';
import { CliError } from './failures.ts';
import { runCommandLine } from './program.ts';

const interrupt = new AbortController();

// Once only: who presses Ctrl-C again wants out at once, and gets what Node does by itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new CliError('interrupted', 'Interrupted.')));
}

// A reader that has seen enough (`pointsman releases | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

// Not process.exit(): what was written to a pipe must still get there.
process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
  readStdin: () => text(process.stdin),
  ...(process.stdin.isTTY && process.stdout.isTTY ? { ask: askAtTerminal } : {}),
});
