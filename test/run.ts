import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { deepRuns, runs } from './parts.ts';
import { missingNotice, missingPackages } from './support/servers/system-packages.ts';
import { runParts } from './support/runs/run-vitest.ts';
import { sum, summary, type Tally } from './support/runs/tally.ts';

/**
 * `npm test` runs everything in `runs`. `npm run test:deep` passes `--deep` and runs everything in `deepRuns`. If the
 * arguments name parts, only those parts run. The last line of the output is the sum of all results. Exits with 1 if a
 * test failed or a part ran no test.
 */
const every = [...runs, ...deepRuns];
const everyName = every.flatMap(({ parts }) => parts.map(({ name }) => name));
const NAME_WIDTH = Math.max(...everyName.map((name) => name.length));

/**
 * The maximum number of failures that are printed per part. If a whole part fails, the first failures are enough to
 * show why.
 */
const MOST_FAILURES = 20;

const { values, positionals: names } = parseArgs({
  options: { deep: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const unknown = names.filter((name) => !everyName.includes(name));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; the parts are ${everyName.join(', ')}`);
  process.exit(2);
}
const named = every
  .map((run) => ({ ...run, parts: run.parts.filter(({ name }) => names.includes(name)) }))
  .filter(({ parts }) => parts.length > 0);
const whole = values.deep ? deepRuns : runs;
const selected = names.length > 0 ? named : whole;
for (const { parts, usualSeconds } of selected) {
  console.log(`about ${usualSeconds} s${parts.length > 1 ? ', together' : ''}:`);
  for (const { name, covers } of parts) console.log(`  ${name.padEnd(NAME_WIDTH)} ${covers}`);
}

const reports = await mkdtemp(join(tmpdir(), 'pointsman-tests-'));
process.on('exit', () => rmSync(reports, { recursive: true, force: true }));
const lines: string[] = [];
const tallies: Tally[] = [];
for (const run of selected) {
  console.log(`\n== ${run.parts.map(({ name }) => name).join(', ')}`);
  const startedAt = performance.now();
  for (const [name, tally] of await runParts(run, reports)) {
    tallies.push(tally);
    lines.push(`${name.padEnd(NAME_WIDTH)} ${summary(tally)}`);
    lines.push(...tally.failures.slice(0, MOST_FAILURES).map((failure) => `  FAILED ${failure}`));
  }
  lines.push(`  took ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
}

console.log(`\n${lines.join('\n')}`);
const missing = missingPackages();
if (missing.length > 0) {
  console.log(`\nMISSING: ${missingNotice('what talks to a real broker or to Celery', missing)}\n`);
}
const total = sum(tallies);
console.log(summary(total));
process.exitCode = total.failed > 0 ? 1 : 0;
