import { styleText } from 'node:util';

import { shell } from './shell.ts';
import { startTemporaryStack, type TemporaryStack } from './temporary-stack.ts';
import { tour } from './tour.ts';

// `npm run demo` runs this file. It is a tour of Pointsman from the first publish to a rollback, with real
// servers in a temporary folder.

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupt.abort(new Error('Interrupted.')));
}
// If the output can't be written, for example because its reader has ended, the demo stops like after Ctrl-C.
// An unhandled error would end the process without stopping the servers.
for (const output of [process.stdout, process.stderr]) {
  output.on('error', () => interrupt.abort(new Error('The reader of the output has ended.')));
}

const startedAt = performance.now();
let stack: TemporaryStack | null = null;
try {
  process.stdout.write('Starting PostgreSQL, Restate, a worker and the API in a temporary folder …');
  stack = await startTemporaryStack(interrupt.signal);
  process.stdout.write(` ready in ${seconds()}.\n`);
  await tour(shell(stack.env, interrupt.signal), stack.folder);
  process.stdout.write(
    `\n${styleText('green', `The whole demo took ${seconds()}.`)} To keep a stack running: npm start\n`,
  );
} catch (error) {
  process.exitCode = interrupt.signal.aborted ? 130 : 1;
  process.stderr.write(
    `\n${styleText('red', 'The demo failed.', { stream: process.stderr })} ${reasonOf(error)}\n`,
  );
} finally {
  await stack?.stop();
}

function seconds(): string {
  return `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
