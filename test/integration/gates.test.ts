import { isDeepStrictEqual } from 'node:util';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { releaseKey } from '../../core/identifiers.ts';
import { findPointer } from '../../services/postgres/pointers.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { say, waitingGates, withPolicy } from '../support/gates.ts';
import { contradictions } from '../support/record-check.ts';

let plane: ControlPlane;
let tenant: string;

beforeAll(async () => {
  plane = await startControlPlane();
});
beforeEach(async () => {
  tenant = await newTenant(plane);
});
afterEach(async () => {
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(async () => {
  await plane.stop();
});

const id = (version: number) => ({ tenant, bundle: 'bundle', version });
const policy = (gates: unknown[]) => withPolicy(plane, tenant, gates);
const waiting = (count = 1) => waitingGates(plane, tenant, count);

test('a release waits at its gate until an approver says yes, and is then live', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  const [gate] = await waiting();
  expect(gate).toMatchObject({ gate: 'release', kind: 'approval', version, needed: 1 });
  expect(await findPointer(plane.db, { tenant, bundle: 'bundle', channel: 'live' })).toBeNull();
  expect(await say(plane, id(version), 'approve')).toMatchObject({ kind: 'heard', state: 'passed', wake: 1 });
  expect(await settled(plane, tenant, version)).toMatchObject({ outcome: 'published', generation: 1 });
});

test('a release that waits holds nothing: no handler of it runs anywhere', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  await waiting();
  await eventually(
    async () => {
      const rows = await plane.admin.query(
        `SELECT target_service_key, status FROM sys_invocation
         WHERE target_service_key LIKE '${tenant}%' AND status <> 'completed'`,
      );
      const only = { target_service_key: releaseKey(id(version)), status: 'suspended' };
      return rows.length === 1 && isDeepStrictEqual(rows[0], only);
    },
    { what: 'only the release is there, suspended' },
  );
  await say(plane, id(version), 'approve');
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
});

test('a rejection is the outcome, with its reason', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  await waiting();
  await say(plane, id(version), 'reject', { comment: 'too risky' });
  expect(await settled(plane, tenant, version)).toMatchObject({
    outcome: 'rejected',
    reason: 'rejected by alice at the gate "release": too risky',
  });
});

test('a gate at which nobody answers rejects the release at its deadline', async () => {
  await policy([{ approval: { name: 'release', within: '1s' } }]);
  const version = await accepted(plane, tenant);
  const { outcome, reason } = await settled(plane, tenant, version);
  expect(outcome).toBe('rejected');
  expect(reason).toContain('nobody answered at the gate "release" before its deadline');
});

test('a worker and a server that are killed while a gate waits change nothing: a word said afterwards is heard', async () => {
  await policy([{ approval: { name: 'release' } }, { check: { name: 'e2e' } }]);
  const version = await accepted(plane, tenant);
  const before = await waiting(2);
  await plane.worker.kill();
  await plane.restate.kill();
  await plane.restate.restart();
  expect(await waiting(2)).toEqual(before);
  const idempotencyKey = crypto.randomUUID();
  await say(plane, id(version), 'approve', { idempotencyKey });
  expect(await say(plane, id(version), 'approve', { idempotencyKey })).toMatchObject({
    kind: 'heard',
    replayed: true,
  });
  await say(plane, id(version), 'success', { gate: 'e2e' });
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
});

test('a gate that the policy gains while a release waits is not gone around', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  await waiting();
  await policy([{ approval: { name: 'release' } }, { check: { name: 'e2e' } }]);
  await say(plane, id(version), 'approve');
  const { outcome, reason } = await settled(plane, tenant, version);
  expect(outcome).toBe('rejected');
  expect(reason).toContain('the policy has gained the gate "e2e"');
});
