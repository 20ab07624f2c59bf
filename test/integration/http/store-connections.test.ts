import { afterAll, beforeAll, expect, test } from 'vitest';

import { openDatabase } from '../../../services/postgres/database.ts';
import { Notifications } from '../../../services/postgres/notifications.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { recordStage } from '../../../services/postgres/releases/stages.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  AT,
  admitRequest,
  holdRequest,
  newTenant,
  prepared,
  published,
  putArtifact,
  repeated,
  startStore,
  type Store,
  times,
} from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

/**
 * The maximum number of times that the connection of one step is cut. On a slow machine, a step whose connection is
 * cut every few milliseconds would never finish.
 */
const CUTS_PER_STEP = 3;

test('each step of a release takes effect once when it is repeated after any lost connection', async () => {
  const tenant = await newTenant(store);
  const done = new AbortController();
  let mayCut = 0;
  const cutter = (async () => {
    while (!done.signal.aborted) {
      if (mayCut > 0) {
        const { rowCount } = await store.owner.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'store-test' AND random() < 0.5 LIMIT 1`,
        );
        mayCut -= rowCount ?? 0;
      }
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  })();
  let lost = 0;
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    mayCut = CUTS_PER_STEP;
    return repeated(work, () => lost++);
  };
  let released = 0;
  // Continues until at least one connection was lost. A run without a lost connection would prove nothing.
  while (released < 40 || lost === 0) {
    const version = ++released;
    const id = { tenant, bundle: 'bundle', version };
    const request = await step(() => admitRequest(store, id, { idempotencyKey: `key-${version}` }));
    expect(await step(() => store.admissions.admit(request))).toMatchObject({ kind: 'accepted', version });
    const digest = await step(() => putArtifact(store, tenant, `artifact ${version}`));
    await step(() => prepared(store, id, digest));
    const swap = { ...id, channel: 'live', expectedGeneration: version - 1, at: AT };
    expect(await step(() => store.moves.moveByRelease(swap))).toEqual({
      kind: 'moved',
      generation: version,
      seq: version,
    });
    expect(await step(() => findRelease(store.db, id))).toMatchObject({ outcome: 'published' });
  }
  done.abort();
  await cutter;
  expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
  const audited = await store.owner.query(
    `SELECT action, count(*)::int AS n FROM pointsman.audit WHERE tenant = $1 GROUP BY 1 ORDER BY 1`,
    [tenant],
  );
  expect(audited.rows).toEqual([
    { action: 'move', n: released },
    { action: 'publish', n: released },
    { action: 'settled', n: released },
  ]);
});

test('a database that cannot be reached is reported as unavailable and not as an internal error', async () => {
  const nowhere = new URL(store.postgres.appUrl);
  nowhere.port = '1';
  const db = openDatabase(nowhere.href);
  await expect(db.ping()).rejects.toMatchObject({ code: 'unavailable' });
  await db.close();
});

test('a step that waits too long for a lock fails as unavailable, and succeeds once the lock is released', async () => {
  const tenant = await newTenant(store);
  await published(store, { tenant, bundle: 'bundle', version: 1 });
  await store.owner.query('BEGIN');
  await store.owner.query('SELECT FROM pointsman.pointers WHERE tenant = $1 FOR UPDATE', [tenant]);
  const request = holdRequest({ tenant, reason: 'x' });
  await expect(store.moves.setHold(request)).rejects.toMatchObject({ code: 'unavailable' });
  await store.owner.query('ROLLBACK');
  expect(await store.moves.setHold(request)).toMatchObject({ kind: 'done' });
});

test('characters that PostgreSQL cannot store are replaced, and the rest of the text is kept', async () => {
  const tenant = await newTenant(store);
  const id = { tenant, bundle: 'bundle', version: 1 };
  const odd = 'a\u0000b\ud800c';
  const answer = await store.admissions.admit(await admitRequest(store, id, { message: odd }));
  expect(answer).toMatchObject({ kind: 'accepted' });
  const diagnostics = [{ path: 'a.json', line: 1, column: 1, pointer: '', code: 'x', message: odd }];
  expect(await recordStage(store.db, id, { ...times, stage: 'validate', state: 'failed', diagnostics })).toBe(
    true,
  );
  const close = {
    outcome: 'rejected',
    yieldsToIntent: false,
    reason: odd,
    stage: 'validate',
    at: AT,
  } as const;
  await store.settlements.close(id, close);
  await store.settlements.settle(id, AT);
  const kept = 'a\ufffdb\ufffdc';
  const release = await findRelease(store.db, id);
  expect(release).toMatchObject({ message: kept, reason: kept });
  expect(release?.stages[0]?.diagnostics).toEqual([{ ...diagnostics[0], message: kept }]);
});

test('a subscriber is notified only of the moves, holds and outcomes of its own bundle, even after the database connection was lost', async () => {
  const notifications = new Notifications(store.postgres.appUrl);
  notifications.start();
  const [tenant, other] = [await newTenant(store), await newTenant(store)];
  const heard: string[] = [];
  let gaps = 0;
  const end = notifications.subscribe(tenant, 'bundle', (notice) => {
    if (notice === null) gaps++;
    else if (notice.kind !== 'progress') heard.push(`${notice.kind} ${notice.version}`);
  });
  const listening = (gone: number[]) =>
    eventually(
      async () => {
        const { rows } = await store.owner.query<{ pid: number }>(
          `SELECT pid FROM pg_stat_activity WHERE application_name = 'pointsman-notifications' AND query = 'LISTEN pointsman' AND state = 'idle'`,
        );
        return rows.find(({ pid }) => !gone.includes(pid))?.pid;
      },
      { what: 'a listening connection' },
    );
  const first = await listening([]);
  await published(store, { tenant: other, bundle: 'bundle', version: 1 });
  await published(store, { tenant, bundle: 'bundle', version: 1 });
  await eventually(async () => heard.includes('settled 1'), { what: 'the outcome has arrived' });
  expect(heard).toEqual(['moved 1', 'settled 1']);
  // Any database client can send such a notification, so the API must ignore invalid ones.
  await store.owner.query(`NOTIFY pointsman, 'not even JSON'`);
  const before = gaps;
  await store.owner.query('SELECT pg_terminate_backend($1)', [first]);
  await listening([first]);
  await eventually(async () => gaps === before + 1, { what: 'the listener is notified of the gap' });
  await store.moves.setHold(holdRequest({ tenant, reason: 'x' }));
  await eventually(async () => heard.includes('hold null'), { what: 'the hold' });
  end();
  await notifications.close();
});
