import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { digestOf } from '../../core/digest.ts';
import { releaseKey } from '../../core/identifiers.ts';
import { Policy } from '../../core/policy.ts';
import { Release, type VerdictAnswer, type VerdictRequest } from '../../handlers/contract.ts';
import { findPointer } from '../../services/postgres/pointers.ts';
import { listOpenGates } from '../../services/postgres/gates.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { contradictions } from '../support/record-check.ts';
import { standstill } from '../support/standstill.ts';

let plane: ControlPlane;
let tenant: string;
const { stringify } = JSON;

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

async function policy(gates: unknown[], version = 1): Promise<void> {
  const document = Policy.parse({ channels: { live: { gates } } });
  await standstill(plane).sql((client) =>
    client.query('INSERT INTO pointsman.policies VALUES ($1, $2, $3, NULL, $4, now())', [
      tenant,
      version,
      stringify(document),
      'test',
    ]),
  );
}

function say(
  version: number,
  word: VerdictRequest['word'],
  more: Partial<VerdictRequest> = {},
): Promise<VerdictAnswer> {
  const key = releaseKey({ tenant, bundle: 'bundle', version });
  const request: VerdictRequest = {
    kind: word === 'success' || word === 'failure' ? 'check' : 'approval',
    gate: null,
    word,
    digest: null,
    by: 'alice',
    roles: ['approver'],
    comment: null,
    url: null,
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf(word),
    requestId: 'test',
    ...more,
  };
  return plane.ingress.client(Release, key).decide(request);
}

function waiting(count = 1) {
  return eventually(
    async () => {
      const open = await listOpenGates(plane.db, tenant, { limit: 100 });
      return open.length === count ? open : null;
    },
    { what: `${count} gates wait` },
  );
}

test('a release waits at its gate until an approver says yes, and is then live', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  const [gate] = await waiting();
  expect(gate).toMatchObject({ gate: 'release', kind: 'approval', version, needed: 1 });
  expect(await findPointer(plane.db, { tenant, bundle: 'bundle', channel: 'live' })).toBeNull();
  expect(await say(version, 'approve')).toMatchObject({ kind: 'heard', state: 'passed', wake: 1 });
  expect(await settled(plane, tenant, version)).toMatchObject({ outcome: 'published', generation: 1 });
});

test('a rejection is the outcome, with its reason', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  await waiting();
  await say(version, 'reject', { comment: 'too risky' });
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
  await say(version, 'approve', { idempotencyKey });
  expect(await say(version, 'approve', { idempotencyKey })).toMatchObject({ kind: 'heard', replayed: true });
  await say(version, 'success', { gate: 'e2e' });
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
});

test('a gate that the policy gains while a release waits is not gone around', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  await waiting();
  await policy([{ approval: { name: 'release' } }, { check: { name: 'e2e' } }], 2);
  await say(version, 'approve');
  const { outcome, reason } = await settled(plane, tenant, version);
  expect(outcome).toBe('rejected');
  expect(reason).toContain('the policy has gained the gate "e2e"');
});
