import { describe, expect, test } from 'vitest';

import { NO_POLICY } from '../../../core/policy.ts';
import { putPolicy } from '../../../services/postgres/channels/policies.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { gatedStore } from '../../support/worlds/gated-store.ts';
import { gated, policyRequest } from '../../support/data/policies.ts';
import { connect, readyToSwap } from '../../support/worlds/store.ts';

// Tests the swap of a release after its policy was changed. The release keeps the policy under which it was admitted.
// The swap also checks the current policy, which may have gained gates.

const at = gatedStore();

const RELEASE = { approval: { name: 'release' } };
const E2E = { check: { name: 'e2e' } };

const put = (...gates: unknown[]) => putPolicy(at.store.db, policyRequest(at.tenant, gated(...gates)));

describe('a policy that is stored while a release moves the pointer', () => {
  /**
   * Stores the policy in an open transaction, starts the swap, and commits the policy as soon as the swap waits for
   * it.
   */
  async function swapMeanwhile(...gates: unknown[]): ReturnType<typeof at.swap> {
    const admin = await connect(at.store.postgres.ownerUrl);
    try {
      await admin.query('SET search_path = pointsman');
      await admin.query('BEGIN');
      const asked = JSON.stringify({ ...policyRequest(at.tenant, gated(...gates)), none: NO_POLICY });
      await admin.query('SELECT put_policy($1::jsonb, now())', [asked]);
      const swapping = at.swap(1, 0);
      await eventually(
        async () =>
          (
            await at.store.owner.query(
              `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%move_by_release%'`,
            )
          ).rowCount || null,
        { what: 'the swap waits for the policy' },
      );
      await admin.query('COMMIT');
      return await swapping;
    } finally {
      await admin.end();
    }
  }

  test('a new gate blocks the move, although all earlier gates have passed', async () => {
    await at.waiting(1, RELEASE);
    await at.say(1);
    expect(await swapMeanwhile(RELEASE, E2E)).toEqual({ kind: 'gate_added', gate: 'e2e', policy: 2 });
    expect((await at.found(1)).generation).toBeNull();
  });

  test('a new gate blocks the move, even if this is the tenant’s first policy', async () => {
    await readyToSwap(at.store, at.release(1));
    expect(await swapMeanwhile(E2E)).toEqual({ kind: 'gate_added', gate: 'e2e', policy: 1 });
    expect((await at.found(1)).generation).toBeNull();
  });

  test('a stricter rule for the same gate blocks the move', async () => {
    await at.waiting(1, RELEASE);
    await at.say(1);
    const stricter = { approval: { name: 'release', count: 2 } };
    expect(await swapMeanwhile(stricter)).toEqual({ kind: 'gate_added', gate: 'release', policy: 2 });
  });

  test('a policy that only drops a passed gate does not block the move', async () => {
    await at.waiting(1, RELEASE, E2E);
    await at.say(1);
    await at.say(1, { kind: 'check', gate: 'e2e', decision: 'success', by: 'ci' });
    expect(await swapMeanwhile(RELEASE)).toMatchObject({ kind: 'moved', generation: 1 });
  });
});

test('a waiting release still has to pass its gate, by the rule it started with, if a later policy drops the gate', async () => {
  await at.waiting(1, { approval: { name: 'release', count: 2 } });
  await at.say(1);
  expect(await put()).toMatchObject({ kind: 'stands', version: 2 });
  expect(await at.evaluate(1)).toMatchObject({ kind: 'waiting', gates: [{ gate: 'release' }] });
  expect(await at.swap(1, 0)).toEqual({ kind: 'gates_open' });
  expect(await at.say(1, { by: 'bob' })).toMatchObject({ kind: 'recorded', state: 'passed', needed: 2 });
  expect(await at.swap(1, 0)).toMatchObject({ kind: 'moved', generation: 1 });
});

test('a policy that is corrected before the pointer moves does not block the move, because only the latest policy counts', async () => {
  await at.waiting(1, RELEASE);
  await at.say(1);
  await put(RELEASE, E2E);
  expect(await at.swap(1, 0)).toMatchObject({ kind: 'gate_added', policy: 2 });
  await put(RELEASE);
  expect(await at.swap(1, 0)).toMatchObject({ kind: 'moved', generation: 1 });
});
