import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { NO_POLICY, type Policy } from '../../../core/policy.ts';
import { putPolicy } from '../../../services/postgres/channels/policies.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { gated, policyRequest } from '../../support/data/policies.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  connect,
  handRequest,
  newTenant,
  published,
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

const put = (tenant: string, document: Policy) => putPolicy(store.db, policyRequest(tenant, document));
const gates = gated({ approval: { name: 'release' } }, { check: { name: 'e2e' } });
const release = (tenant: string, version: number) => ({ tenant, bundle: 'bundle', version });
const refused = { kind: 'gated', gates: ['release', 'e2e'], policy: 1 };

/**
 * Creates a tenant with three published releases. The pointer "live" has pointed to v1 and v2. v3 is on another
 * channel. The policy was stored after all of them.
 */
async function three(): Promise<string> {
  const tenant = await newTenant(store);
  await published(store, release(tenant, 1));
  await published(store, release(tenant, 2));
  await published(store, release(tenant, 3), { channel: 'canary', expectedGeneration: 0 });
  await put(tenant, gates);
  return tenant;
}

test('only an admin can move a pointer by hand to a release that it never referred to, and others are refused with the gates', async () => {
  const tenant = await three();
  const asked = handRequest({ tenant, version: 3, roles: ['publisher', 'approver'] });
  expect(await store.moves.moveByHand(asked)).toEqual(refused);
  expect(await store.moves.moveByHand(handRequest({ tenant, version: 3 }))).toEqual(refused);
  expect(await store.moves.moveByHand(handRequest({ tenant, version: 3, hold: 'stay' }))).toEqual(refused);
  expect(await store.moves.moveByHand({ ...asked, roles: ['publisher', 'admin'] })).toMatchObject({
    kind: 'moved',
    pointer: { version: 3, generation: 3, hold: null },
  });
});

test('a caller who is not an admin can move a pointer back to an earlier release, or leave it where it is', async () => {
  const tenant = await three();
  const move = (version: number) =>
    store.moves.moveByHand(handRequest({ tenant, version, roles: ['publisher'] }));
  expect(await move(2)).toMatchObject({ kind: 'unchanged' });
  expect(await move(1)).toMatchObject({ kind: 'moved', pointer: { version: 1 } });
  expect(await move(2)).toMatchObject({ kind: 'moved', pointer: { version: 2 } });
});

test('a move by hand is bound by the gates of its own channel, in the latest version of the policy', async () => {
  const tenant = await three();
  const promote = (channel: string, version: number) =>
    store.moves.moveByHand(handRequest({ tenant, version, channel, roles: ['publisher'] }));
  expect(await promote('staging', 2)).toMatchObject({ kind: 'moved' });
  await put(tenant, gated({ window: { timezone: 'UTC', freeze: ['Fri 16:00 - Mon 07:00'] } }));
  expect(await promote('live', 3)).toEqual({ kind: 'gated', gates: ['window'], policy: 2 });
  await put(tenant, NO_POLICY);
  expect(await promote('live', 3)).toMatchObject({ kind: 'moved' });
});

test('a repeated move by hand returns its result, even if a new policy would refuse it', async () => {
  const tenant = await three();
  await put(tenant, NO_POLICY);
  const asked = handRequest({ tenant, version: 3, roles: ['publisher'] });
  expect(await store.moves.moveByHand(asked)).toMatchObject({ kind: 'moved', replayed: false });
  await put(tenant, gates);
  expect(await store.moves.moveByHand(asked)).toMatchObject({ kind: 'moved', replayed: true });
});

test('a move by hand that runs concurrently with a new policy obeys that policy', async () => {
  const tenant = await three();
  await put(tenant, NO_POLICY);
  const admin = await connect(store.postgres.ownerUrl);
  try {
    await admin.query('SET search_path = pointsman');
    await admin.query('BEGIN');
    const asked = JSON.stringify({ ...policyRequest(tenant, gates), none: NO_POLICY });
    await admin.query('SELECT put_policy($1::jsonb, now())', [asked]);
    const moving = store.moves.moveByHand(handRequest({ tenant, version: 3, roles: ['publisher'] }));
    await eventually(
      async () =>
        (
          await store.owner.query(
            `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%move_by_hand%'`,
          )
        ).rowCount || null,
      { what: 'the move waits for the policy' },
    );
    await admin.query('COMMIT');
    expect(await moving).toEqual({ ...refused, policy: 3 });
  } finally {
    await admin.end();
  }
});
