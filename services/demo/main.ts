import { styleText } from 'node:util';

import { shell } from './shell.ts';
import { startThrowAwayStack, type ThrowAwayStack } from './throw-away-stack.ts';
import { tour } from './tour.ts';

// `npm run demo`: Pointsman from nothing to a rollback, with real servers, in a folder that is thrown away.

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupt.abort(new Error('Interrupted.')));
}
// Whoever read our output may be gone; what was started must be stopped all the same.
for (const output of [process.stdout, process.stderr]) {
  output.on('error', () => interrupt.abort(new Error('Nobody reads this any more.')));
}

const startedAt = performance.now();
let stack: ThrowAwayStack | null = null;
try {
  process.stdout.write(
    'Starting PostgreSQL, Restate, a worker and the API in a folder that is thrown away …',
  );
  stack = await startThrowAwayStack(interrupt.signal);
  process.stdout.write(` ready in ${seconds()}.\n`);
  await tour(shell(stack.env, interrupt.signal), stack.folder);
  process.stdout.write(
    `\n${styleText('green', `All of it in ${seconds()}.`)} To keep one running: npm start\n`,
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
