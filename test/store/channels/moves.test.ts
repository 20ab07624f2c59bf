import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { Notifications } from '../../../services/postgres/notifications.ts';
import { findPointer, listMoves } from '../../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { setSink } from '../../support/data/sinks.ts';
import {
  AT,
  holdRequest,
  newTenant,
  published,
  readyToSwap,
  repeated,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());
afterEach(async () => {
  expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
});

const release = (tenant: string, version: number, bundle = 'bundle') => ({ tenant, bundle, version });
const pointer = (tenant: string, channel = 'live') => ({ tenant, bundle: 'bundle', channel });
const swap = (tenant: string, version: number, expectedGeneration: number, channel = 'live') =>
  store.moves.moveByRelease({ ...release(tenant, version), channel, expectedGeneration, at: AT });

describe('the pointer move of a release', () => {
  test('a repeated request returns the same result and moves the pointer once', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    const first = await swap(tenant, 1, 0);
    expect(first).toEqual({ kind: 'moved', generation: 1, seq: 1 });
    expect(await swap(tenant, 1, 0)).toEqual(first);
    expect(await swap(tenant, 1, 7)).toEqual(first);
    await store.settlements.settle(release(tenant, 1), AT);
    expect(await swap(tenant, 1, 0)).toEqual(first);
    expect(await listMoves(store.db, pointer(tenant), { limit: 10 })).toHaveLength(1);
  });

  test('a repeated request finds its own move after other releases have moved the pointer', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    await published(store, release(tenant, 2));
    expect(await swap(tenant, 1, 2)).toEqual({ kind: 'moved', generation: 1, seq: 1 });
    expect(await findPointer(store.db, pointer(tenant))).toMatchObject({
      version: 2,
      generation: 2,
    });
  });

  test('of 50 concurrent requests at one generation, exactly one moves the pointer', async () => {
    const tenant = await newTenant(store);
    for (let version = 1; version <= 50; version++) await readyToSwap(store, release(tenant, version));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_none, i) => repeated(() => swap(tenant, i + 1, 0))),
    );
    const moved = answers.filter((answer) => answer.kind === 'moved');
    expect(moved).toEqual([{ kind: 'moved', generation: 1, seq: 1 }]);
    expect(answers.filter((answer) => answer.kind === 'state_behind')).toHaveLength(49);
    expect(await listMoves(store.db, pointer(tenant), { limit: 10 })).toHaveLength(1);
  });

  test('20 concurrent requests of one release move the pointer once, and all return that move', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    const answers = await Promise.all(Array.from({ length: 20 }, () => repeated(() => swap(tenant, 1, 0))));
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toHaveLength(1);
    expect(answers[0]).toEqual({ kind: 'moved', generation: 1, seq: 1 });
  });

  test('a request that expects another generation returns the recorded generation and does not move the pointer', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    await readyToSwap(store, release(tenant, 2));
    expect(await swap(tenant, 2, 0)).toEqual({ kind: 'state_behind', generation: 1 });
    expect(await swap(tenant, 2, 1)).toEqual({ kind: 'moved', generation: 2, seq: 2 });
  });

  test('a request with an outdated ifGeneration is refused as stale', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1), { ifGeneration: 0 });
    await published(store, release(tenant, 2), { expectedGeneration: 0 });
    expect(await swap(tenant, 1, 1)).toEqual({ kind: 'stale', generation: 1 });
  });

  test('a request for a held pointer is refused with the reason of the hold', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    await readyToSwap(store, release(tenant, 2));
    await store.moves.setHold(holdRequest({ tenant, reason: 'incident' }));
    expect(await swap(tenant, 2, 1)).toEqual({ kind: 'held', reason: 'incident' });
  });

  test('a release that was superseded, cancelled, closed or settled cannot move the pointer, because it is not current', async () => {
    const tenant = await newTenant(store);
    for (const version of [1, 2, 3, 4]) await readyToSwap(store, release(tenant, version));
    await store.admissions.requestCancel(release(tenant, 2), { by: 'ann', reason: null, at: AT });
    const close = { outcome: 'errored', yieldsToIntent: false, reason: 'x', stage: null, at: AT } as const;
    await store.settlements.close(release(tenant, 3), close);
    await store.settlements.close(release(tenant, 4), close);
    await store.settlements.undo(release(tenant, 4), 'artifact-claim');
    await store.settlements.settle(release(tenant, 4), AT);
    await readyToSwap(store, release(tenant, 5), { supersedes: [1] });
    for (const version of [1, 2, 3, 4]) {
      expect(await swap(tenant, version, 0), `v${version}`).toEqual({ kind: 'not_current' });
    }
    expect(await swap(tenant, 5, 0)).toMatchObject({ kind: 'moved' });
  });

  test('a pointer move and a close that run concurrently agree on which of them takes effect', async () => {
    const tenant = await newTenant(store);
    for (let version = 1; version <= 20; version++) {
      const id = release(tenant, version);
      await readyToSwap(store, id);
      const generation = (await findPointer(store.db, pointer(tenant)))?.generation ?? 0;
      const asked = {
        outcome: 'cancelled',
        yieldsToIntent: true,
        reason: 'x',
        stage: 'swap',
        at: AT,
      } as const;
      const [moved, closed] = await Promise.all([
        repeated(() => swap(tenant, version, generation)),
        repeated(() => store.settlements.close(id, asked)),
      ]);
      expect([moved.kind, closed.kind]).toSatisfy(
        ([a, b]: string[]) => (a === 'moved' && b === 'settled') || (a === 'not_current' && b === 'closing'),
      );
      if (closed.kind !== 'closing') continue;
      await store.settlements.undo(id, 'artifact-claim');
      await store.settlements.settle(id, AT);
    }
  });

  test('a pointer move writes the history, the release and the ledger together', async () => {
    const tenant = await newTenant(store);
    const digest = await readyToSwap(store, release(tenant, 1), { message: 'first try' });
    await swap(tenant, 1, 0);
    const found = await findRelease(store.db, release(tenant, 1));
    expect(found).toMatchObject({ status: 'settled', outcome: 'published', generation: 1, digest });
    expect(found?.effects).toContainEqual(expect.objectContaining({ effect: 'pointer-move', state: 'done' }));
    expect(await listMoves(store.db, pointer(tenant), { limit: 10 })).toEqual([
      {
        generation: 1,
        from: null,
        to: { version: 1, digest },
        by: 'ann',
        why: 'first try',
        restores: null,
        movedAt: new Date(AT).toISOString(),
      },
    ]);
  });

  test('a request whose connection is cut in its transaction moves the pointer once when it is repeated', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    // A swap takes the number of its move last, from the tenant's row. A lock on that row therefore stops the
    // transaction after it has written the pointer.
    await store.owner.query('BEGIN');
    await store.owner.query('SELECT FROM pointsman.tenants WHERE tenant = $1 FOR UPDATE', [tenant]);
    // Repeats the swap until one is cut. On a slow machine, the lock timeout may end a swap before its connection is
    // cut.
    const cut = new AbortController();
    const swaps = (async () => {
      while (!cut.signal.aborted)
        await expect(swap(tenant, 1, 0)).rejects.toMatchObject({ code: 'unavailable' });
    })();
    await Promise.race([swaps, terminateWhoWaitsForUs()]);
    cut.abort();
    await swaps;
    await store.owner.query('ROLLBACK');
    expect(await findPointer(store.db, pointer(tenant))).toMatchObject({ generation: 0, version: null });
    expect(await swap(tenant, 1, 0)).toEqual({ kind: 'moved', generation: 1, seq: 1 });
    expect(await swap(tenant, 1, 0)).toEqual({ kind: 'moved', generation: 1, seq: 1 });
  });
});

/** Waits until a connection waits for a lock that the owner's transaction holds, and terminates that connection. */
async function terminateWhoWaitsForUs(): Promise<void> {
  await eventually(
    async () => {
      const { rowCount } = await store.owner.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))`,
      );
      return rowCount === 1;
    },
    { what: 'a connection that waits for the lock' },
  );
}

test('a move notifies listeners in its own transaction, and returns the sinks to notify', async () => {
  const tenant = await newTenant(store);
  const heard: string[] = [];
  const notifications = new Notifications(store.postgres.appUrl);
  const stop = notifications.subscribe(tenant, 'bundle', (notice) =>
    heard.push(`${notice?.kind} ${notice?.version}`),
  );
  notifications.start();
  try {
    // `start` returns before the connection listens, so the test sends notifications until the first one arrives.
    await eventually(
      async () => {
        await store.owner.query(`SELECT pointsman.notify_readers($1, 'bundle', 'live', 0, 'hold')`, [tenant]);
        return heard.includes('hold 0');
      },
      { what: 'the first notification' },
    );
    await setSink(store.db, tenant, { url: 'https://hooks.example/in', origin: 'https://hooks.example' });
    await readyToSwap(store, release(tenant, 1));
    expect(await swap(tenant, 1, 0)).toEqual({
      kind: 'moved',
      generation: 1,
      seq: 1,
      sinksToNotify: [{ tenant, sink: 'audit', seq: 1 }],
    });
    await eventually(async () => heard.includes('moved 1'), { what: 'the notification of the move' });
  } finally {
    stop();
    await notifications.close();
  }
});

test('a move settles its release and enters it in the ledger, once, and a release that has not moved the pointer has no such entry', async () => {
  const tenant = await newTenant(store);
  await readyToSwap(store, release(tenant, 1));
  const unmoved = await findRelease(store.db, release(tenant, 1));
  expect(unmoved).toMatchObject({ status: 'running', outcome: null, generation: null });
  expect(unmoved?.effects.map(({ effect }) => effect)).toEqual(['artifact-claim']);
  await swap(tenant, 1, 0);
  const settled = await findRelease(store.db, release(tenant, 1));
  expect(settled).toMatchObject({ status: 'settled', outcome: 'published', generation: 1, reason: null });
  expect(settled?.effects.map(({ effect, state }) => `${effect} ${state}`).toSorted()).toEqual([
    'announcement done',
    'artifact-claim done',
    'pointer-move done',
  ]);
  expect(settled?.stages.map(({ stage, state }) => `${stage} ${state}`).slice(-3)).toEqual([
    'swap passed',
    'announce passed',
    'verify skipped',
  ]);
  await swap(tenant, 1, 0);
  expect(await findRelease(store.db, release(tenant, 1))).toEqual(settled);
});
