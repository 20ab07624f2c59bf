import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { filesWithRestate } from './support/replayed-files.ts';
import { missingNotice, missingPackages } from './support/system-packages.ts';
import { sum, summary, type Tally, tallyOf } from './support/tally.ts';

/**
 * `npm test`: everything that proves the promises, cheapest first, and one line about all of it at the end. With names of parts as
 * arguments, only those. Exits 1 on any failure, and when a part ran nothing.
 */
const minute = 60_000;

interface Part {
  readonly name: string;
  readonly project: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Only these files; all of the project's where it is left out. */
  readonly files?: readonly string[];
  /** Ends what hangs: several times what the part takes on two cores that are busy with something else. */
  readonly timeoutMs: number;
}

const PARTS: readonly Part[] = [
  { name: 'unit', project: 'unit', timeoutMs: 20 * minute },
  { name: 'contract', project: 'contract', timeoutMs: 30 * minute },
  { name: 'integration', project: 'integration', timeoutMs: 60 * minute },
  // Restate forgets each handler after every step and replays it, which flushes out code that is not deterministic.
  {
    name: 'replay',
    project: 'integration',
    env: { POINTSMAN_TEST_REPLAY: '1' },
    files: filesWithRestate(join(import.meta.dirname, '..')),
    timeoutMs: 60 * minute,
  },
  { name: 'faults', project: 'faults', timeoutMs: 30 * minute },
  { name: 'every-boundary', project: 'every-boundary', timeoutMs: 60 * minute },
];

/** How long what was told to end may take to stop its servers. */
const GRACE_MS = 20_000;

/** Of a part that fails as a whole the first say why. */
const MOST_FAILURES = 20;

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !PARTS.some((part) => part.name === name));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; there are ${PARTS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const reports = await mkdtemp(join(tmpdir(), 'pointsman-tests-'));
process.on('exit', () => rmSync(reports, { recursive: true, force: true }));
const tallies: [string, Tally, number][] = [];
for (const part of PARTS.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
  console.log(`\n== ${part.name}`);
  const startedAt = performance.now();
  const tally = await run(part);
  tallies.push([part.name, tally, performance.now() - startedAt]);
}

console.log();
for (const [name, tally, tookMs] of tallies) {
  console.log(`${name.padEnd(15)} ${summary(tally)} (${(tookMs / 1_000).toFixed(0)} s)`);
  for (const failure of tally.failures.slice(0, MOST_FAILURES)) console.log(`  FAILED ${failure}`);
}
const missing = missingPackages();
if (missing.length > 0) {
  console.log(`\nMISSING: ${missingNotice('what talks to a real broker or to Celery', missing)}\n`);
}
const total = sum(tallies.map(([, tally]) => tally));
console.log(summary(total));
process.exitCode = total.failed > 0 ? 1 : 0;

async function run({ name, project, env, files = [], timeoutMs }: Part): Promise<Tally> {
  const outputFile = join(reports, `${name}.json`);
  const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs');
  const exitCode = await exitCodeOf(
    [
      vitest,
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${outputFile}`,
      ...files,
    ],
    // Hundreds of processes are started, and each would read the same modules anew.
    { ...process.env, NODE_COMPILE_CACHE: join(reports, 'compiled'), ...env },
    timeoutMs,
  );
  return tallyOf(await readReport(outputFile), exitCode);
}

/** In a process group of its own, so that what hangs is ended with all that it started. */
async function exitCodeOf(args: string[], env: NodeJS.ProcessEnv, timeoutMs: number): Promise<number | null> {
  const child = spawn(process.execPath, args, {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const { pid } = child;
  const endGroup = (signal: NodeJS.Signals): void => {
    if (pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-pid, signal);
  };
  let kill: NodeJS.Timeout | undefined;
  const end = (): void => {
    endGroup('SIGTERM');
    kill ??= setTimeout(endGroup, GRACE_MS, 'SIGKILL');
  };
  const stopped = (): void => {
    end();
    child.once('exit', () => process.exit(130));
  };
  const timeout = setTimeout(end, timeoutMs);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stopped);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
  } finally {
    clearTimeout(timeout);
    clearTimeout(kill);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stopped);
  }
}

async function readReport(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}
