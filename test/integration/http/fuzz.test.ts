import { afterAll, beforeAll, expect, test } from 'vitest';

import { problemsOf } from '../../fuzz/report.ts';
import { fuzz } from '../../fuzz/run.ts';
import { type FuzzWorld, startFuzzWorld } from '../../fuzz/world.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { seedOfRun } from '../../support/data/seeded-random.ts';

// This file is not part of the replay run, because it tests the responses of the API. It sends 1,500 requests,
// and more until every operation has succeeded. `npm run test:deep` sends 100,000.

const REQUESTS = Number(process.env['POINTSMAN_FUZZ_REQUESTS'] ?? 1_500);

/**
 * The timeout for a run that hangs. It is far above the usual time: a request takes about 12 ms on two idle cores.
 */
const TIMEOUT_MS = 300_000 + 50 * REQUESTS;

let world: FuzzWorld;

beforeAll(async () => {
  world = await startFuzzWorld();
});
afterAll(() => world.stop());

test(
  'hostile requests never get a 5xx, a late response or data of another tenant, the memory of the API stays bounded, and every operation succeeds for some request',
  async () => {
    const seed = seedOfRun();
    const report = await fuzz(world, { requests: REQUESTS, seed });
    const problems = problemsOf(report, world.document);
    expect(problems, [`POINTSMAN_SEED=${seed}`, ...problems.slice(0, 10)].join('\n')).toEqual([]);
    // If few requests were sent or accepted, the run would prove nothing.
    expect(report.requests).toBeGreaterThanOrEqual(REQUESTS);
    expect(report.kinds).toBeGreaterThan(200);
    const answered = (from: number, to: number): number =>
      [...report.statuses].reduce(
        (sum, [status, times]) => sum + (status >= from && status < to ? times : 0),
        0,
      );
    expect(answered(200, 300)).toBeGreaterThan(report.requests / 10);
    expect(answered(400, 500)).toBeGreaterThan(report.requests / 10);
  },
  TIMEOUT_MS,
);

test('after hostile requests the database is consistent, and an honest tenant can publish', async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
  await world.publishHonestly();
});
