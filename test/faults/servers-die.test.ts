import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { releaseKey } from '../../packages/protocol/identifiers.ts';
import { findPointer, listMoves } from '../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../services/postgres/releases/releases.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  publish,
  settled,
  startControlPlane,
} from '../support/worlds/control-plane.ts';
import { eventually } from '../support/runs/eventually.ts';
import { contradictions } from '../support/runs/record-check.ts';
import { type Standstill, standstill } from '../support/servers/standstill.ts';

let plane: ControlPlane;
let still: Standstill;
beforeAll(async () => {
  plane = await startControlPlane();
  still = standstill(plane);
});
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

test('no publish is lost when Restate is killed and restarted during 20 publishes, and each pointer moves once', async () => {
  const tenants = await Promise.all(Array.from({ length: 20 }, () => newTenant(plane)));
  const asked = tenants.map((tenant) =>
    publish(plane, tenant, { idempotencyKey: 'mine', ...file('x') }).catch(() => null),
  );
  // This lock stops some releases before their first write, so some are certainly in flight when the server dies.
  await still.whileStagesLocked(async () => {
    await asked[0];
    await eventually(() => still.waitsForLock('prepare_release'), { what: 'a release that is under way' });
    await plane.restate.kill();
  });
  await plane.restate.restart();
  await Promise.all(asked);
  for (const tenant of tenants) {
    // A client that gets no response repeats its request with the same idempotency key.
    const version = await eventually(
      () => accepted(plane, tenant, { idempotencyKey: 'mine', ...file('x') }),
      { what: 'an answer' },
    );
    expect(version).toBe(1);
    expect((await settled(plane, tenant, version)).outcome).toBe('published');
    expect(await listMoves(plane.db, live(tenant), { limit: 10 })).toHaveLength(1);
  }
});

test('each pointer moves once even if the database cuts connections while pointers move', async () => {
  const tenants = await Promise.all(Array.from({ length: 20 }, () => newTenant(plane)));
  const ask = (tenant: string) => accepted(plane, tenant, { idempotencyKey: 'mine', ...file('y') });
  const asking = Promise.all(tenants.map((tenant) => eventually(() => ask(tenant), { what: 'an answer' })));
  const cutting = async (): Promise<void> => {
    // Cuts at least one connection in the middle of a swap. After that it cuts any active connection.
    await still.whileMovesLocked(() => eventually(still.cutWaiting, { what: 'a swap that is cut' }));
    await still.sql(async (client) => {
      // A database that cuts every connection permanently would be down. The pauses between the cuts let some work
      // succeed.
      for (let round = 0; round < 50; round++) {
        await client.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pointsman-worker' AND state = 'active'`,
        );
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    });
  };
  await Promise.all([asking, cutting()]);
  for (const tenant of tenants) {
    expect((await settled(plane, tenant, 1)).outcome).toBe('published');
    expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version: 1, generation: 1 });
  }
});

test('when PostgreSQL is killed during 10 publishes, one of them while it moves its pointer, accepted publishes go live; new ones are refused until PostgreSQL is back', async () => {
  const [first = '', ...others] = await Promise.all(Array.from({ length: 10 }, () => newTenant(plane)));
  await settled(plane, first, await accepted(plane, first, file('before')));
  // When the server dies, the first tenant's release waits in its swap, and the releases of the other tenants wait
  // before their first write.
  await still
    .whilePointerLocked(first, async () => {
      await accepted(plane, first, file('x'));
      await eventually(() => still.waitsForLock('move_by_release'), { what: 'a swap that is under way' });
      await Promise.all(others.map((tenant) => accepted(plane, tenant, file('x'))));
      await plane.postgres.kill();
    })
    .catch((error: unknown) => {
      // The connection that holds the lock is lost when its server is killed.
      if (!(error instanceof Error)) throw error;
    });
  const refused = await publish(plane, first, file('meanwhile')).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Error);
  await plane.postgres.restart();
  expect((await settled(plane, first, 2)).outcome).toBe('published');
  expect(await findPointer(plane.db, live(first))).toMatchObject({ version: 2, generation: 2 });
  for (const tenant of others) {
    expect((await settled(plane, tenant, 1)).outcome).toBe('published');
    expect(await listMoves(plane.db, live(tenant), { limit: 10 })).toHaveLength(1);
  }
  expect(await accepted(plane, first, file('after'))).toBe(3);
  expect((await settled(plane, first, 3)).outcome).toBe('published');
});

test('a pointer moves once when its connection is cut in the middle of the transaction that moves it', async () => {
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

test('when an operator kills a release before it moves the pointer, the sweep settles it as errored, and its artifact claim is undone', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant, file('one')));
  const version = await still.whilePointerLocked(tenant, async () => {
    const next = await accepted(plane, tenant, file('two'));
    await eventually(
      async () => (await findRelease(plane.db, { tenant, bundle: 'bundle', version: next }))?.digest,
      { what: 'an artifact' },
    );
    await still.killRelease({ tenant, bundle: 'bundle', version: next });
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

test('a release that an operator kills at any moment settles as published or errored, and its pointer matches that outcome', async () => {
  for (let round = 0; round < 10; round++) {
    const tenant = await newTenant(plane);
    const version = await accepted(plane, tenant, file(`round ${round}`));
    await plane.admin.killInvocation(await invocationOf(tenant, version));
    const release = await settled(plane, tenant, version);
    const pointer = await findPointer(plane.db, live(tenant));
    expect(['published', 'errored']).toContain(release.outcome);
    expect(pointer?.generation ?? 0).toBe(release.outcome === 'published' ? 1 : 0);
    const next = await accepted(plane, tenant, { onConflict: 'queue', ...file('next') });
    expect((await settled(plane, tenant, next)).outcome).toBe('published');
  }
});

test('a release whose invocation is cancelled at any moment settles as published or cancelled, and its pointer matches that outcome', async () => {
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

test('a release that is cancelled while it moves the pointer completes the move and is published', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant, file('one')));
  const version = await still.whilePointerLocked(tenant, async () => {
    const next = await accepted(plane, tenant, file('two'));
    await eventually(() => still.waitsForLock('move_by_release'), {
      what: 'a swap that waits for the pointer',
    });
    for (let again = 0; again < 3; again++)
      await plane.admin.cancelInvocation(await invocationOf(tenant, next));
    return next;
  });
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
  expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version: 2, generation: 2 });
});

test('when an operator kills the invocation that moves the pointer, the release requests the move again and is published', async () => {
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
