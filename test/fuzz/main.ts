import { parseArgs } from 'node:util';

import { contradictions } from '../support/runs/record-check.ts';
import { seedOfRun } from '../support/data/seeded-random.ts';
import { problemsOf } from './report.ts';
import { fuzz } from './run.ts';
import { startFuzzWorld } from './world.ts';

/**
 * `npm run fuzz` sends hostile requests to the real API, with the tokens of every role of several tenants and of the
 * platform, and without a token. The process exits with 1 in any of these cases: a request gets a 5xx, no response in
 * time, or data of another tenant; the API exceeds its memory limit; an operation succeeds too rarely for the run to
 * prove anything about it; or the database violates an invariant afterwards. `POINTSMAN_SEED` repeats a run.
 */
const { values } = parseArgs({ options: { requests: { type: 'string', default: '100000' } } });
const seed = seedOfRun();
console.log(`seed ${seed}, ${values.requests} requests`);
const world = await startFuzzWorld();
try {
  const startedAt = performance.now();
  const report = await fuzz(world, { requests: Number(values.requests), seed });
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(
    `${report.requests} requests of ${report.kinds} kinds in ${seconds.toFixed(0)} s, the slowest ${report.slowestMs} ms`,
  );
  for (const [status, times] of [...report.statuses].toSorted(([a], [b]) => a - b))
    console.log(`  ${status === 0 ? 'closed' : status}  ${times}`);
  console.log('succeeded:');
  for (const [operation, times] of [...report.succeeded].toSorted(([, a], [, b]) => a - b))
    console.log(`  ${operation}  ${times}`);
  console.log(
    `memory of the API: ${report.beforeMiB.toFixed(0)} MiB before, ${report.peakMiB.toFixed(0)} MiB at its highest`,
  );
  const problems = problemsOf(report, world.document);
  const broken = await contradictions(world.plane.postgres.ownerUrl);
  for (const line of [...problems, ...broken]) console.log(`VIOLATION ${line}`);
  await world.publishHonestly();
  process.exitCode = problems.length + broken.length > 0 ? 1 : 0;
} finally {
  await world.stop();
}
