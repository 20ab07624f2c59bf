import { afterAll, beforeAll, expect, test } from 'vitest';

import { fuzz } from '../fuzz/run.ts';
import { type FuzzWorld, startFuzzWorld } from '../fuzz/world.ts';
import { contradictions } from '../support/record-check.ts';
import { seedOfRun } from '../support/seeded-random.ts';

// Not replayed: it is about what the API answers. `npm run test:deep` sends 100,000 requests.

const REQUESTS = Number(process.env['POINTSMAN_FUZZ_REQUESTS'] ?? 3_000);
/** Of the API's process: its body budget, the heaps of its reading and compiling threads, and what Node keeps of them. */
const MOST_MIB = 1_536;

let world: FuzzWorld;

beforeAll(async () => {
  world = await startFuzzWorld();
});
afterAll(() => world.stop());

test('no hostile request is answered with a 5xx, late, or with anything of another tenant, and the API’s memory stays within its bound', async () => {
  const seed = seedOfRun();
  const report = await fuzz(world, { requests: REQUESTS, seed });
  expect(report.violations, `POINTSMAN_SEED=${seed}`).toEqual([]);
  expect(report.afterMiB).toBeLessThan(MOST_MIB);
  // The run proves something only if requests of every kind came through, and many were accepted.
  expect(report.requests).toBe(REQUESTS);
  expect(report.kinds).toBeGreaterThan(100);
  const answered = (from: number, to: number): number =>
    [...report.statuses].reduce(
      (sum, [status, times]) => sum + (status >= from && status < to ? times : 0),
      0,
    );
  expect(answered(200, 300)).toBeGreaterThan(REQUESTS / 10);
  expect(answered(400, 500)).toBeGreaterThan(REQUESTS / 10);
});

test('the record contradicts no promise afterwards, and an honest tenant publishes as before', async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
  await world.publishHonestly();
});
