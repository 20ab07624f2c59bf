import { isDeepStrictEqual } from 'node:util';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { releaseKey } from '../../../packages/protocol/identifiers.ts';
import { Tenant } from '../../../handlers/contract/tenant.ts';
import { findPointer } from '../../../services/postgres/channels/pointers.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { say, waitingGates, withPolicy } from '../../support/data/gates.ts';
import { outage } from '../../support/servers/outage.ts';
import { contradictions } from '../../support/runs/record-check.ts';

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

test('a release waits at its gate until an approver approves it, and is then live', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  const [gate] = await waiting();
  expect(gate).toMatchObject({ gate: 'release', kind: 'approval', version, needed: 1 });
  expect(await findPointer(plane.db, { tenant, bundle: 'bundle', channel: 'live' })).toMatchObject({
    generation: 0,
  });
  expect(await say(plane, id(version), 'approve')).toMatchObject({
    kind: 'recorded',
    state: 'passed',
    decisionNumber: 1,
  });
  expect(await settled(plane, tenant, version)).toMatchObject({ outcome: 'published', generation: 1 });
});

test('a waiting release keeps no handler running: only its own workflow exists, and it is suspended', async () => {
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

test('the Restate state of a waiting release lists its gates and their deadlines in plain text', async () => {
  const soon = Date.now() + 7_200_000;
  const local = (ms: number) => new Date(ms).toISOString().slice(0, 16);
  const freeze = [`${local(Date.now() - 3_600_000)} - ${local(soon)}`];
  await policy([{ approval: { name: 'release' } }, { check: { name: 'e2e' } }]);
  const version = await accepted(plane, tenant, { notBefore: soon });
  await waiting(3);
  const stateOf = async (release: number): Promise<unknown> => {
    const [row] = await plane.admin.query(
      `SELECT value_utf8 FROM state WHERE service_name = 'Release' AND service_key = '${releaseKey(id(release))}' AND key = 'waitingFor'`,
    );
    return row === undefined ? null : JSON.parse(String(row['value_utf8']));
  };
  const deadlines = Object.fromEntries((await waiting(3)).map(({ gate, deadlineAt }) => [gate, deadlineAt]));
  expect(await eventually(() => stateOf(version), { what: 'the words are there' })).toEqual({
    'approval release': `waits for 1 of 1 approval by a token with the role approver, until ${deadlines['release']}`,
    'check e2e': `waits for the check "e2e" to be reported, until ${deadlines['e2e']}`,
    'schedule schedule': expect.stringContaining(`waits until ${new Date(soon).toISOString()}`) as string,
  });
  // The name of the timer is the time at which the wait ends. The workflow creates the timer one step after it has
  // written its state.
  const timer = async () => {
    const [row] = await plane.admin.query(
      `SELECT j.name FROM sys_journal j JOIN sys_invocation i ON i.id = j.id
       WHERE i.target = 'Release/${releaseKey(id(version))}/run' AND j.entry_type = 'Command: Sleep'`,
    );
    return row?.['name'];
  };
  expect(await eventually(timer, { what: 'the workflow sleeps' })).toBe(`until ${deadlines['e2e']}`);

  await plane.ingress.client(Tenant, tenant).cancel({ bundle: 'bundle', version, by: 'test', reason: null });
  await settled(plane, tenant, version);
  expect(await stateOf(version)).toBeNull();

  await policy([{ window: { timezone: 'UTC', freeze } }]);
  const frozen = await accepted(plane, tenant);
  const opens = `${local(soon)}:00.000Z`;
  expect(await waiting()).toMatchObject([{ kind: 'window', deadlineAt: null, opensAt: opens }]);
  expect(await eventually(() => stateOf(frozen), { what: 'the freeze is told' })).toEqual({
    'window window': `waits for the end of a freeze, ${opens}`,
  });
});

test('a rejection settles the release as rejected, with the reason', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  await waiting();
  await say(plane, id(version), 'reject', { comment: 'too risky' });
  expect(await settled(plane, tenant, version)).toMatchObject({
    outcome: 'rejected',
    reason: 'rejected by alice at the gate "release": too risky',
  });
});

test('a gate without a decision rejects the release at its deadline', async () => {
  await policy([{ approval: { name: 'release', within: '1s' } }]);
  const version = await accepted(plane, tenant);
  const { outcome, reason } = await settled(plane, tenant, version);
  expect(outcome).toBe('rejected');
  expect(reason).toContain('the gate "release" was not decided before its deadline');
});

test('killing the worker, Restate and PostgreSQL changes no gate and no deadline, and later decisions count', async () => {
  await policy([{ approval: { name: 'release' } }, { check: { name: 'e2e' } }]);
  const version = await accepted(plane, tenant);
  const before = await waiting(2);
  await outage(plane);
  expect(await waiting(2)).toEqual(before);
  const idempotencyKey = crypto.randomUUID();
  await say(plane, id(version), 'approve', { idempotencyKey });
  expect(await say(plane, id(version), 'approve', { idempotencyKey })).toMatchObject({
    kind: 'recorded',
    replayed: true,
  });
  await say(plane, id(version), 'success', { gate: 'e2e' });
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
});

test('a deadline that passes during an outage rejects the release, and a late approval does not count', async () => {
  await policy([{ approval: { name: 'release', within: '6s' } }]);
  const version = await accepted(plane, tenant);
  const [gate] = await waiting();
  const deadline = gate?.deadlineAt ?? '';
  await plane.worker.down();
  await plane.restate.kill();
  await eventually(() => Promise.resolve(Date.now() > Date.parse(deadline)), { what: 'the deadline passed' });
  await plane.restate.restart();
  await plane.worker.start();
  const late = await say(plane, id(version), 'approve');
  expect(['expired', 'settled']).toContain(late.kind);
  expect(await settled(plane, tenant, version)).toMatchObject({
    outcome: 'rejected',
    reason: `the gate "release" was not decided before its deadline, ${deadline}`,
  });
});

test('a decision that is sent while the worker is down counts once when the worker is back', async () => {
  await policy([{ approval: { name: 'release', count: 2 } }]);
  const version = await accepted(plane, tenant);
  await waiting();
  await plane.worker.down();
  const idempotencyKey = crypto.randomUUID();
  const twice = [1, 2].map(() => say(plane, id(version), 'approve', { idempotencyKey }));
  await plane.worker.start();
  const answers = await Promise.all(twice);
  const heard = answers.map(
    (answer) => answer.kind === 'recorded' && `${answer.decisions}, replayed: ${String(answer.replayed)}`,
  );
  expect(heard.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
    '1, replayed: false',
    '1, replayed: true',
  ]);
  expect(await say(plane, id(version), 'approve', { by: 'bob' })).toMatchObject({
    state: 'passed',
    decisions: 2,
  });
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
});

test('a waiting release is superseded by a newer one, and can no longer be approved', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const older = await accepted(plane, tenant);
  await waiting();
  const newer = await accepted(plane, tenant, { files: { 'config.json': '{"a":2}' } });
  expect(await settled(plane, tenant, older)).toMatchObject({ outcome: 'superseded', supersededBy: newer });
  expect(await say(plane, id(older), 'approve')).toEqual({ kind: 'settled', outcome: 'superseded' });
  await waiting();
  await say(plane, id(newer), 'approve');
  expect(await settled(plane, tenant, newer)).toMatchObject({ outcome: 'published', generation: 1 });
});

test('a scheduled release is compiled immediately, waits through restarts, and goes live after its time', async () => {
  const notBefore = Date.now() + 10_000;
  const version = await accepted(plane, tenant, { notBefore });
  expect(await waiting()).toMatchObject([{ gate: 'schedule', kind: 'schedule' }]);
  await plane.worker.kill();
  await plane.restate.kill();
  await plane.restate.restart();
  const release = await settled(plane, tenant, version);
  expect(release.outcome).toBe('published');
  const pointer = await findPointer(plane.db, { tenant, bundle: 'bundle', channel: 'live' });
  expect(Date.parse(pointer?.movedAt ?? '')).toBeGreaterThanOrEqual(notBefore);
});

test('a newer publish supersedes a scheduled release', async () => {
  const older = await accepted(plane, tenant, { notBefore: Date.now() + 3_600_000 });
  await waiting();
  const newer = await accepted(plane, tenant, { files: { 'config.json': '{"a":2}' } });
  expect(await settled(plane, tenant, older)).toMatchObject({ outcome: 'superseded' });
  expect(await settled(plane, tenant, newer)).toMatchObject({ outcome: 'published', generation: 1 });
  expect(await waiting(0)).toEqual([]);
});

test('a scheduled release can be cancelled while it waits', async () => {
  const version = await accepted(plane, tenant, { notBefore: Date.now() + 3_600_000 });
  await waiting();
  const request = { bundle: 'bundle', version, by: 'test', reason: 'not today' };
  expect(await plane.ingress.client(Tenant, tenant).cancel(request)).toEqual({ kind: 'cancelling' });
  expect(await settled(plane, tenant, version)).toMatchObject({ outcome: 'cancelled' });
  expect(await waiting(0)).toEqual([]);
});

test('a move by hand while a release waits voids its approvals, and the gate opens again', async () => {
  const first = await accepted(plane, tenant);
  await settled(plane, tenant, first);
  await policy([{ approval: { name: 'release' } }, { check: { name: 'e2e' } }]);
  const second = await accepted(plane, tenant, { files: { 'config.json': '{"a":2}' } });
  await waiting(2);
  await say(plane, id(second), 'approve');
  await waiting(1);
  // An admin moves the pointer "live" to the release of another channel.
  await moveElsewhere(second);
  await say(plane, id(second), 'success', { gate: 'e2e' });
  const [again] = await waiting(1);
  expect(again).toMatchObject({
    gate: 'release',
    baseGeneration: 2,
    decisions: [{ by: 'alice', void: true }],
  });
  await say(plane, id(second), 'approve', { by: 'alice' });
  expect(await settled(plane, tenant, second)).toMatchObject({ outcome: 'published', generation: 3 });
});

/** Publishes on a channel without gates, and moves "live" to that release as an admin. */
async function moveElsewhere(after: number): Promise<void> {
  const version = await accepted(plane, tenant, { channel: 'canary', files: { 'config.json': '{"a":3}' } });
  expect(version).toBe(after + 1);
  await settled(plane, tenant, version);
  const answer = await plane.ingress.client(Tenant, tenant).move({
    bundle: 'bundle',
    channel: 'live',
    version,
    ifGeneration: null,
    hold: null,
    why: 'test',
    by: 'test',
    roles: ['admin'],
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf('move'),
    requestId: 'test',
  });
  expect(answer.kind).toBe('moved');
}

test('a release that waits is rejected when the policy gains a gate in the meantime', async () => {
  await policy([{ approval: { name: 'release' } }]);
  const version = await accepted(plane, tenant);
  await waiting();
  await policy([{ approval: { name: 'release' } }, { check: { name: 'e2e' } }]);
  await say(plane, id(version), 'approve');
  const { outcome, reason } = await settled(plane, tenant, version);
  expect(outcome).toBe('rejected');
  expect(reason).toContain('the policy has gained the gate "e2e"');
});
