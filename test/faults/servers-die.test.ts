import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Client } from 'pg';
import { z } from 'zod';

import { releaseKey } from '../../core/identifiers.ts';
import { findPointer, listMoves } from '../../services/postgres/pointers.ts';
import { findRelease } from '../../services/postgres/releases.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  publish,
  settled,
  startControlPlane,
} from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { contradictions } from '../support/record-check.ts';
import { type Standstill, standstill } from '../support/standstill.ts';

let plane: ControlPlane;
let still: Standstill;
beforeAll(async () => {
  plane = await startControlPlane();
  still = standstill(plane);
}, 60_000);
afterAll(() => plane.stop());
afterEach(async () => {
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});

const live = (tenant: string) => ({ tenant, bundle: 'bundle', channel: 'live' });
const file = (text: string) => ({ files: { 'config.json': JSON.stringify({ text }) } });

async function runningId(target: string): Promise<string> {
  return eventually(
    async () => {
      const rows = await plane.admin.query(
        `SELECT id FROM sys_invocation WHERE target = '${target}' AND status <> 'completed'`,
      );
      return rows[0] ? z.object({ id: z.string() }).parse(rows[0]).id : null;
    },
    { what: `${target} under way` },
  );
}

async function invocationOf(tenant: string, version: number): Promise<string> {
  const key = releaseKey({ tenant, bundle: 'bundle', version });
  return eventually(
    async () => {
      const rows = await plane.admin.query(
        `SELECT id FROM sys_invocation WHERE target_service_name = 'Release' AND target_service_key = '${key}'`,
      );
      return rows[0] ? z.object({ id: z.string() }).parse(rows[0]).id : null;
    },
    { what: `an invocation of ${key}` },
  );
}

test('a Restate server killed and started again in the middle of 20 publishes loses none of them and moves each pointer once', async () => {
  const tenants = await Promise.all(Array.from({ length: 20 }, () => newTenant(plane)));
  const asked = tenants.map((tenant) =>
    publish(plane, tenant, { idempotencyKey: 'mine', ...file('x') }).catch(() => null),
  );
  await asked[0];
  await plane.restate.kill();
  await plane.restate.restart();
  await Promise.all(asked);
  for (const tenant of tenants) {
    // Whoever got no answer asks again under the same key, as a client would.
    const version = await eventually(
      () => accepted(plane, tenant, { idempotencyKey: 'mine', ...file('x') }),
      { what: 'an answer' },
    );
    expect(version).toBe(1);
    expect((await settled(plane, tenant, version)).outcome).toBe('published');
    expect(await listMoves(plane.db, live(tenant), { limit: 10 })).toHaveLength(1);
  }
});

test('connections that the database cuts in the middle of swaps: each pointer moves once', async () => {
  const tenants = await Promise.all(Array.from({ length: 20 }, () => newTenant(plane)));
  let publishing = true;
  let cut = 0;
  const cutting = still.sql(async (client) => {
    while (publishing) {
      const { rowCount } = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pointsman-worker' AND state = 'active'`,
      );
      cut += rowCount ?? 0;
      // A database that cuts every connection at once and for ever is one that is down; this one lets some work through.
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  });
  try {
    const ask = (tenant: string) => accepted(plane, tenant, { idempotencyKey: 'mine', ...file('y') });
    await Promise.all(tenants.map((tenant) => eventually(() => ask(tenant), { what: 'an answer' })));
  } finally {
    publishing = false;
    await cutting;
  }
  expect(cut).toBeGreaterThan(0);
  for (const tenant of tenants) {
    expect((await settled(plane, tenant, 1)).outcome).toBe('published');
    expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version: 1, generation: 1 });
  }
});

test('a connection cut exactly in the middle of the swap’s transaction: the pointer moves once', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant, file('one')));
  const version = await still.whilePointerLocked(tenant, async () => {
    const next = await accepted(plane, tenant, file('two'));
    await eventually(still.cutWaiting, { what: 'a swap that waits for the pointer' });
    return next;
  });
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
  expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version: 2, generation: 2 });
});

test('a release that an operator kills before its swap is swept to errored, and its claim is undone', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant, file('one')));
  const version = await still.whilePointerLocked(tenant, async () => {
    const next = await accepted(plane, tenant, file('two'));
    await eventually(
      async () => (await findRelease(plane.db, { tenant, bundle: 'bundle', version: next }))?.digest,
      { what: 'an artifact' },
    );
    await plane.admin.killInvocation(await invocationOf(tenant, next));
    await still.cutWaiting();
    return next;
  });
  const release = await settled(plane, tenant, version);
  expect(release.outcome).toBe('errored');
  expect(release.effects).toMatchObject([{ effect: 'artifact-claim', state: 'compensated' }]);
  expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version: 1, generation: 1 });
  expect(
    (await settled(plane, tenant, await accepted(plane, tenant, { onConflict: 'queue', ...file('three') })))
      .outcome,
  ).toBe('published');
});

test('a release that an operator kills after its swap is swept to published', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant, file('one')));
  // The swap waits for its pointer; whoever asks for the release's row meanwhile is next, before the last word can be written.
  const release = new Client({ connectionString: plane.postgres.ownerUrl });
  await release.connect();
  try {
    const { version, stopped } = await still.whilePointerLocked(tenant, async () => {
      const next = await accepted(plane, tenant, file('two'));
      await eventually(() => still.waitsForLock('move_by_release'), {
        what: 'a swap that waits for the pointer',
      });
      await release.query('BEGIN');
      const held = release.query(
        'SELECT FROM pointsman.releases WHERE tenant = $1 AND version = $2 FOR UPDATE',
        [tenant, next],
      );
      await eventually(() => still.waitsForLock('FROM pointsman.releases'), {
        what: 'the test in line for the release',
      });
      return { version: next, stopped: held };
    });
    await stopped;
    expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version, generation: 2 });
    await eventually(() => still.waitsForLock('SELECT announce'), { what: 'an announcement that waits' });
    await plane.admin.killInvocation(await invocationOf(tenant, version));
    await still.cutWaiting();
    expect((await findRelease(plane.db, { tenant, bundle: 'bundle', version }))?.status).toBe('running');
    await release.query('ROLLBACK');
    expect((await settled(plane, tenant, version)).outcome).toBe('published');
  } finally {
    await release.end();
  }
});

test('a cancel that arrives while the swap commits is told what happened, and state and record agree', async () => {
  for (let round = 0; round < 10; round++) {
    const tenant = await newTenant(plane);
    const version = await accepted(plane, tenant, file(`round ${round}`));
    const id = await invocationOf(tenant, version);
    await plane.admin.cancelInvocation(id);
    const release = await settled(plane, tenant, version);
    const pointer = await findPointer(plane.db, live(tenant));
    expect(['published', 'cancelled']).toContain(release.outcome);
    expect(pointer?.generation ?? 0).toBe(release.outcome === 'published' ? 1 : 0);
    const next = await accepted(plane, tenant, { onConflict: 'queue', ...file('next') });
    expect((await settled(plane, tenant, next)).outcome).toBe('published');
  }
});

test('a cancelled invocation that stands in the swap itself: the move that was begun is finished and stands', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant, file('one')));
  const version = await still.whilePointerLocked(tenant, async () => {
    const next = await accepted(plane, tenant, file('two'));
    const swapping = await eventually(
      async () => {
        const rows = await plane.admin.query(
          `SELECT id FROM sys_invocation WHERE target = 'Tenant/${tenant}/swap' AND status = 'running'`,
        );
        return rows.length > 0;
      },
      { what: 'a swap that runs' },
    );
    expect(swapping).toBe(true);
    for (let again = 0; again < 3; again++)
      await plane.admin.cancelInvocation(await invocationOf(tenant, next));
    return next;
  });
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
  expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version: 2, generation: 2 });
});

test('a swap that an operator kills is asked for again, and the release is published', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant, file('one')));
  const version = await still.whilePointerLocked(tenant, async () => {
    const next = await accepted(plane, tenant, file('two'));
    await eventually(() => still.waitsForLock('move_by_release'), {
      what: 'a swap that waits for the pointer',
    });
    await plane.admin.killInvocation(await runningId(`Tenant/${tenant}/swap`));
    return next;
  });
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
  expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version: 2, generation: 2 });
});
