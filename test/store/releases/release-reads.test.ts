import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { Database } from '../../../services/postgres/database.ts';
import {
  findProgressOf,
  findRelease,
  listInFlight,
  listReleases,
} from '../../../services/postgres/releases/releases.ts';
import { withoutWaiting } from '../../../services/postgres/upkeep/doctor.ts';
import { admitted, newTenant, startStore, type Store } from '../../support/worlds/store.ts';

const RELEASES = 300;

const PlanNode = z.object({
  'Actual Loops': z.number(),
  'Actual Rows': z.number(),
  get Plans() {
    return z.array(PlanNode).optional();
  },
});
type PlanNode = z.infer<typeof PlanNode>;
const Explained = z.array(z.object({ 'QUERY PLAN': z.tuple([z.object({ Plan: PlanNode })]) }));

/** Returns how often PostgreSQL repeated the most repeated part of a plan. */
function mostLoops({ 'Actual Loops': own, Plans = [] }: PlanNode): number {
  return Math.max(own, ...Plans.map(mostLoops));
}

/** Explains each statement before it is executed. */
class ExplainedDatabase extends Database {
  loops = 0;

  override async call(...[tenant, sql, values]: Parameters<Database['call']>): ReturnType<Database['call']> {
    const [first] = Explained.parse(
      await super.call(tenant, `EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, values),
    );
    if (first) this.loops = Math.max(this.loops, mostLoops(first['QUERY PLAN'][0].Plan));
    return super.call(tenant, sql, values);
  }
}

let store: Store;
let db: ExplainedDatabase;
let tenant: string;
beforeAll(async () => {
  store = await startStore();
  db = new ExplainedDatabase(store.postgres.appUrl, {});
  tenant = await newTenant(store);
  await admitted(store, { tenant, bundle: 'bundle', version: 1 });
  for (let version = 2; version <= RELEASES; version++)
    await admitted(store, { tenant, bundle: 'bundle', version }, { placement: 'queue', inFlight: 1 });
});
afterAll(async () => {
  await db.close();
  await store.stop();
});

const id = (version: number) => ({ tenant, bundle: 'bundle', version });

test.each<[what: string, read: () => Promise<unknown[]>]>([
  ['one release', async () => [await findRelease(db, id(7))]],
  ['the progress of five releases', () => findProgressOf(db, tenant, [1, 2, 3, 4, 5].map(id))],
  ['the newest releases of a bundle', () => listReleases(db, tenant, 'bundle', { limit: 5 })],
  ['the oldest releases in flight', () => listInFlight(db, tenant, { limit: 5 })],
  ['the releases that wait for nothing', () => withoutWaiting(db, [1, 2, 3, 4, 5].map(id))],
])('reading %s computes nothing for the other releases of the tenant', async (_what, read) => {
  db.loops = 0;
  expect((await read()).length).toBeGreaterThan(0);
  // Each of at most five releases has seven stages. A plan that visits all releases repeats a part 300 times.
  expect(db.loops).toBeLessThan(RELEASES / 2);
});
