import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { say, waitingGates, withPolicy } from '../../support/data/gates.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { standstill } from '../../support/servers/standstill.ts';

// Tests the claims of docs/guides/from-hatchet.md about waiting for an event, as far as no other test covers them.

let plane: ControlPlane;
let tenant: string;

beforeAll(async () => {
  plane = await sharedControlPlane();
});
beforeEach(async () => {
  tenant = await newTenant(plane);
  await withPolicy(plane, tenant, [{ approval: { name: 'release' } }]);
});
afterEach(async () => {
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});

const id = (version: number, bundle = 'bundle') => ({ tenant, bundle, version });

test('a decision before its gate is open is refused with an error', async () => {
  await standstill(plane).whileStagesLocked(async () => {
    const version = await accepted(plane, tenant);
    expect(await say(plane, id(version), 'approve')).toEqual({ kind: 'not_open', status: 'running' });
  });
  await waitingGates(plane, tenant, 1);
  await say(plane, id(1), 'approve');
  expect((await settled(plane, tenant, 1)).outcome).toBe('published');
});

test('a decision applies to one release, and another release with the same gate keeps waiting', async () => {
  await accepted(plane, tenant);
  await accepted(plane, tenant, { bundle: 'other' });
  await waitingGates(plane, tenant, 2);
  await say(plane, id(1), 'approve');
  expect((await settled(plane, tenant, 1)).outcome).toBe('published');
  expect(await waitingGates(plane, tenant, 1)).toMatchObject([
    { bundle: 'other', version: 1, decisions: [] },
  ]);
  await say(plane, id(1, 'other'), 'reject');
  expect((await settled(plane, tenant, 1, { bundle: 'other' })).outcome).toBe('rejected');
});

test('a decision on a decided gate is refused, and the response contains the first decision', async () => {
  await accepted(plane, tenant);
  await waitingGates(plane, tenant, 1);
  await say(plane, id(1), 'approve');
  expect(await say(plane, id(1), 'reject', { by: 'bob' })).toMatchObject({
    kind: 'decided',
    gate: 'release',
    state: 'passed',
    by: 'alice',
    decision: 'approve',
  });
  expect((await settled(plane, tenant, 1)).outcome).toBe('published');
});
