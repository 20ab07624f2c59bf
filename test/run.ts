import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { deepParts, parts } from './parts.ts';
import { missingNotice, missingPackages } from './support/servers/system-packages.ts';
import { runVitest } from './support/runs/run-vitest.ts';
import { sum, summary, type Tally } from './support/runs/tally.ts';

/**
 * `npm test` runs every part in `parts`. `npm run test:deep` passes `--deep` and runs every part in `deepParts`. If
 * the arguments name parts, only those parts run. The last line of the output is the sum of all results. Exits with 1
 * if a test failed or a part ran no test.
 */
const NAME_WIDTH = Math.max(...[...parts, ...deepParts].map(({ name }) => name.length));

/**
 * The maximum number of failures that are printed per part. If a whole part fails, the first failures are enough to
 * show why.
 */
const MOST_FAILURES = 20;

const { values, positionals: names } = parseArgs({
  options: { deep: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const known = [...parts, ...deepParts];
const unknown = names.filter((name) => !known.some((part) => part.name === name));
if (unknown.length > 0) {
  console.error(
    `no such part: ${unknown.join(', ')}; the parts are ${known.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
const whole = values.deep ? deepParts : parts;
const selected = names.length > 0 ? known.filter(({ name }) => names.includes(name)) : whole;
for (const { name, covers, usualSeconds } of selected)
  console.log(`${name.padEnd(NAME_WIDTH)} about ${usualSeconds} s: ${covers}`);

const reports = await mkdtemp(join(tmpdir(), 'pointsman-tests-'));
process.on('exit', () => rmSync(reports, { recursive: true, force: true }));
const tallies: [string, Tally, number][] = [];
for (const part of selected) {
  console.log(`\n== ${part.name}`);
  const startedAt = performance.now();
  const tally = await runVitest(part, reports);
  tallies.push([part.name, tally, performance.now() - startedAt]);
}

console.log();
for (const [name, tally, tookMs] of tallies) {
  console.log(`${name.padEnd(NAME_WIDTH)} ${summary(tally)} (${(tookMs / 1_000).toFixed(0)} s)`);
  for (const failure of tally.failures.slice(0, MOST_FAILURES)) console.log(`  FAILED ${failure}`);
}
const missing = missingPackages();
if (missing.length > 0) {
  console.log(`\nMISSING: ${missingNotice('what talks to a real broker or to Celery', missing)}\n`);
}
const total = sum(tallies.map(([, tally]) => tally));
console.log(summary(total));
process.exitCode = total.failed > 0 ? 1 : 0;
