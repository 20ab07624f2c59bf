import { text } from 'node:stream/consumers';

import { promptAtTerminal } from './prompt.ts';
import { CliError } from './failures.ts';
import { runCommandLine } from './program.ts';

const interrupt = new AbortController();

// Only the first signal is handled. A second Ctrl-C ends the process immediately, which is Node's default.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new CliError('interrupted', 'Interrupted.')));
}

// If the reader closes the pipe early (`pointsman releases | head`), the command ends without an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

// The exit code is set without calling process.exit(), because data that was written to a pipe must still be
// flushed.
process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
  readStdin: () => text(process.stdin),
  ...(process.stdin.isTTY && process.stdout.isTTY ? { prompt: promptAtTerminal } : {}),
});
