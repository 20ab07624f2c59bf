import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { watchLimits } from '../../../services/api/limits.ts';
import { Database } from '../../../services/postgres/database.ts';
import { recordStage } from '../../../services/postgres/releases/stages.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { type EventReader, readEvents } from '../../support/runs/event-reader.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { admitted, newTenant, startStore, type Store, times } from '../../support/worlds/store.ts';

// Tests the cost of the event streams of one tenant while its releases do not change.

/** Counts the statements that read a tenant's rows. */
class CountedDatabase extends Database {
  reads = 0;

  override async call(...args: Parameters<Database['call']>): ReturnType<Database['call']> {
    this.reads++;
    return super.call(...args);
  }
}

const STREAMS = 400;

let store: Store;
let db: CountedDatabase;
let api: TestApi;
let tenant: string;
beforeAll(async () => {
  store = await startStore();
  db = new CountedDatabase(store.postgres.appUrl, {});
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1', db });
  tenant = await newTenant(store);
  await admitted(store, { tenant, bundle: 'bundle', version: 1 });
  for (let version = 2; version <= STREAMS; version++) {
    await admitted(store, { tenant, bundle: 'bundle', version }, { placement: 'queue', inFlight: 1 });
  }
});
const readers: EventReader[] = [];
afterEach(() => {
  for (const reader of readers.splice(0)) reader.leave();
});
afterAll(async () => {
  await api.stop();
  await db.close();
  await store.stop();
});

test('400 idle event streams of a tenant cost few database reads, and a stream shows a change without waiting for the next recheck', async () => {
  for (let version = 1; version <= STREAMS; version++) {
    readers.push(await readEvents(api, `/v1/tenants/${tenant}/bundles/bundle/releases/${version}/events`));
  }
  let before = 0;
  await eventually(async () => [before, (before = db.reads)][0] === before, {
    what: 'all have been read once',
  });

  await new Promise((resolve) => setTimeout(resolve, 3_000));
  // All streams together are rechecked at most once in this time. The first recheck comes after half an interval, and
  // the next one a whole interval later.
  const perRecheck = Math.ceil(STREAMS / watchLimits.releasesPerLoad);
  expect(db.reads - before).toBeLessThanOrEqual(perRecheck);

  const quiet = db.reads;
  const id = { tenant, bundle: 'bundle', version: 1 };
  const stages = ['validate', 'compile', 'store', 'gate', 'swap'] as const;
  for (const [nth, stage] of stages.entries()) {
    await recordStage(store.db, id, { ...times, stage, state: 'passed' });
    // A stage sends two events: one when it begins and one when it ends.
    await readers[0]?.until(2 * (nth + 1));
  }
  // Each change causes one read of the changed release, and no read for the other streams of the bundle. The other
  // reads are rechecks.
  expect(db.reads - quiet).toBeLessThanOrEqual(stages.length + perRecheck);
});
