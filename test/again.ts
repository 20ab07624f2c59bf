import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { runFiles } from './support/runs/run-vitest.ts';
import { sum, summary, type Tally } from './support/runs/tally.ts';

/**
 * `npm run test:again FILE…` runs each test file twenty times (`--times`): the first half alone, the second half next to one busy loop per
 * processor. `--together` runs the files of a project in one run, so that they also run at the same time; a folder then means its files.
 * `--replay` runs the files with Restate replaying. Prints each run and its failures, and exits with 1 if a test failed once.
 */
const { values, positionals } = parseArgs({
  options: {
    times: { type: 'string', default: '20' },
    together: { type: 'boolean', default: false },
    replay: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const root = join(import.meta.dirname, '..');
const times = Number(values.times);
if (positionals.length === 0 || !Number.isSafeInteger(times) || times < 1) {
  console.error('usage: npm run test:again -- [--times 20] [--together] [--replay] FILE…');
  process.exit(2);
}

/** The timeout of one run. A run that takes longer hangs: all files together take less, even while the busy loops run. */
const TIMEOUT_MS = 40 * 60_000;

const folder = await mkdtemp(join(tmpdir(), 'pointsman-again-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const paths = positionals.map((path) => relative(root, resolve(path)));
const groups = values.together ? [...Map.groupBy(paths, projectOf).values()] : paths.map((path) => [path]);

const tallies: Tally[] = [];
for (const files of groups) {
  for (let run = 1; run <= times; run++) {
    const busy = run > times / 2;
    const loops = busy ? startLoops() : [];
    const startedAt = performance.now();
    const tally = await runFiles(
      {
        project: projectOf(files[0] ?? ''),
        files,
        env: values.replay ? { POINTSMAN_TEST_REPLAY: '1' } : {},
        timeoutMs: TIMEOUT_MS,
        quiet: true,
      },
      folder,
    );
    for (const loop of loops) loop.kill('SIGKILL');
    tallies.push(tally);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
    console.log(`${files.join(' ')} ${run}/${times}${busy ? ' busy' : ''}: ${summary(tally)} (${seconds} s)`);
    for (const failure of tally.failures) console.log(`  FAILED ${failure}`);
  }
}
const total = sum(tallies);
console.log(`${tallies.filter(({ failed }) => failed > 0).length} of ${tallies.length} runs failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

/** The Vitest project of a test file or folder, from its path. */
function projectOf(path: string): string {
  if (path.startsWith('test/faults/every-boundary')) return 'every-boundary';
  const area = path.split('/')[1] ?? '';
  return area === 'conformance' ? 'store' : area;
}

function startLoops() {
  return Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
}
