import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { listGateNames } from '../../../services/postgres/releases/gates.ts';
import { gatedStore } from '../../support/worlds/gated-store.ts';
import { AT, admitted, published } from '../../support/worlds/store.ts';

// Tests the reasons for which a decision is refused, and the order in which they are checked. The caller's clock
// determines all times.

const HOUR = 3_600_000;
const at = gatedStore();

describe('the refusal of a decision', () => {
  test('a decision on an unknown release or gate is refused', async () => {
    await at.waiting(1, { approval: { name: 'release' } }, { check: { name: 'e2e' } });
    expect(await at.say(7)).toEqual({ kind: 'no_release' });
    expect(await at.say(1, { gate: 'nope' })).toEqual({ kind: 'no_gate' });
    expect(await at.say(1, { gate: 'e2e' }), 'of the other kind').toEqual({ kind: 'no_gate' });
    expect(await listGateNames(at.store.db, at.release(1))).toEqual([
      { gate: 'release', kind: 'approval' },
      { gate: 'e2e', kind: 'check' },
    ]);
  });

  test('a decision before the gate opens is refused, and returns "no_gate" if the release will not have that gate', async () => {
    await at.policy({ approval: { name: 'release' } });
    await admitted(at.store, at.release(1));
    expect(await at.say(1)).toEqual({ kind: 'not_open', status: 'running' });
    expect(await at.say(1, { gate: 'nope' })).toEqual({ kind: 'no_gate' });
    expect(await at.say(1, { kind: 'check', gate: 'release', decision: 'success' })).toEqual({
      kind: 'no_gate',
    });
    expect(await listGateNames(at.store.db, at.release(1))).toEqual([{ gate: 'release', kind: 'approval' }]);
  });

  test('a decision that names no gate is refused while several gates are open, and applies to the open gate when only one is left', async () => {
    await at.waiting(1, { approval: { name: 'legal' } }, { approval: { name: 'release' } });
    expect(await at.say(1)).toEqual({ kind: 'which', gates: ['legal', 'release'] });
    await at.say(1, { gate: 'legal' });
    expect(await at.say(1)).toMatchObject({ kind: 'recorded', gate: 'release' });
    expect(await at.say(1)).toEqual({ kind: 'which', gates: ['legal', 'release'] });
  });

  test('a decision on a decided gate is refused, and returns the decision that settled it', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 2 } });
    await at.say(1, { by: 'bob', at: at.openedAt + 1 });
    await at.say(1, { at: at.openedAt + 2 });
    const stands = { kind: 'decided', gate: 'release', state: 'passed', by: 'alice', decision: 'approve' };
    for (const by of ['carol', 'alice', 'bob']) {
      expect(await at.say(1, { by, decision: 'reject' }), by).toEqual({
        ...stands,
        at: new Date(at.openedAt + 2).toISOString(),
      });
    }
    await at.waiting(2, { approval: { name: 'release', count: 2 } });
    await at.say(2);
    await at.say(2, { by: 'bob', decision: 'reject' });
    expect(await at.say(2)).toMatchObject({
      kind: 'decided',
      state: 'failed',
      by: 'bob',
      decision: 'reject',
    });
  });

  test('a second decision by the same person is refused, whether it approves or rejects', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 2 } });
    await at.say(1, { at: at.openedAt + 1 });
    for (const decision of ['approve', 'reject'] as const) {
      expect(await at.say(1, { decision })).toEqual({
        kind: 'already_decided',
        gate: 'release',
        decision: 'approve',
        at: new Date(at.openedAt + 1).toISOString(),
      });
    }
    expect(await at.say(1, { by: 'bob' })).toMatchObject({ kind: 'recorded', decisions: 2, state: 'passed' });
  });

  test('a decision at or after the deadline, by the caller’s clock, is refused before and after the gate is evaluated', async () => {
    await at.waiting(1, { approval: { name: 'release', within: '2h' } });
    const deadlineAt = (await at.found(1)).gates[0]?.deadlineAt ?? '';
    const deadline = Date.parse(deadlineAt);
    const expired = { kind: 'expired', gate: 'release', deadlineAt };
    expect(await at.say(1, { at: deadline })).toEqual(expired);
    expect(await at.say(1, { at: deadline + HOUR })).toEqual(expired);
    expect(await at.gates.evaluate(at.release(1), deadline - 1)).toMatchObject({ kind: 'waiting' });
    expect(await at.gates.evaluate(at.release(1), deadline)).toMatchObject({ kind: 'failed' });
    expect(await at.say(1, { at: deadline - 1 }), 'before the deadline, after the evaluation').toEqual(
      expired,
    );
    expect(await at.history(1)).toEqual(['release opened', 'release expired']);
  });

  test('a decision before the deadline is recorded', async () => {
    await at.waiting(1, { approval: { name: 'release', within: '2h' } });
    const deadline = Date.parse((await at.found(1)).gates[0]?.deadlineAt ?? '');
    expect(await at.say(1, { at: deadline - 1 })).toMatchObject({ kind: 'recorded' });
  });

  test('a decision on a cancelled, closed or settled release is refused', async () => {
    await at.waiting(1, { approval: { name: 'release' } });
    await at.store.admissions.requestCancel(at.release(1), { by: 'ann', reason: null, at: AT });
    expect(await at.say(1)).toEqual({ kind: 'settled', outcome: 'cancelled' });
    await at.store.settlements.close(at.release(1), {
      outcome: 'errored',
      yieldsToIntent: true,
      reason: 'x',
      stage: 'gate',
      at: AT,
    });
    expect(await at.say(1)).toEqual({ kind: 'settled', outcome: 'cancelled' });
    await at.store.settlements.undo(at.release(1), 'artifact-claim');
    await at.store.settlements.settle(at.release(1), AT);
    expect(await at.say(1)).toEqual({ kind: 'settled', outcome: 'cancelled' });
    expect(await at.history(1)).toEqual(['release opened', 'release closed']);
  });

  test('a decision on another artifact than the one at the gate is refused', async () => {
    const digest = await at.waiting(1, { approval: { name: 'release' } }, { check: { name: 'e2e' } });
    const other = digestOf('another');
    expect(await at.say(1, { digest: other })).toEqual({ kind: 'wrong_digest', digest });
    expect(await at.say(1, { kind: 'check', decision: 'success', digest: other })).toEqual({
      kind: 'wrong_digest',
      digest,
    });
    expect(await at.say(1, { digest })).toMatchObject({ kind: 'recorded' });
    expect(await at.say(1, { kind: 'check', decision: 'success', digest })).toMatchObject({
      kind: 'recorded',
    });
  });

  test('a decision by a caller without the role of the gate is refused, and an admin may always decide', async () => {
    await at.waiting(1, { approval: { name: 'release', role: 'admin' } });
    const refused = { kind: 'wrong_role', gate: 'release', role: 'admin' };
    for (const roles of [['approver'], ['viewer', 'publisher'], []] as const) {
      expect(await at.say(1, { roles: [...roles] })).toEqual(refused);
    }
    expect(await at.say(1, { roles: ['admin'] })).toMatchObject({ kind: 'recorded' });
    await at.waiting(2, { approval: { name: 'release', role: 'approver' } });
    expect(await at.say(2, { roles: ['publisher'] })).toMatchObject({ kind: 'wrong_role', role: 'approver' });
    expect(await at.say(2, { roles: ['admin'] })).toMatchObject({ kind: 'recorded' });
  });

  test('with notAuthor, the author of the release can’t approve it, not even as an admin', async () => {
    await at.waiting(1, { approval: { name: 'release', notAuthor: true } });
    for (const roles of [['approver'], ['admin']] as const) {
      expect(await at.say(1, { by: 'ann', roles: [...roles] })).toEqual({ kind: 'author', gate: 'release' });
    }
    expect(await at.say(1)).toMatchObject({ kind: 'recorded' });
    await at.waiting(2, { approval: { name: 'release' } });
    expect(await at.say(2, { by: 'ann' })).toMatchObject({ kind: 'recorded' });
  });

  test('the author of a release can’t report its checks, except as an admin', async () => {
    const result = { kind: 'check', decision: 'success' } as const;
    for (const roles of [['publisher'], ['approver'], ['reporter'], ['publisher', 'reporter']] as const) {
      await at.moveIn();
      await at.waiting(1, { check: { name: 'e2e' } });
      const own = { kind: 'own_check', gate: 'e2e', role: 'reporter' };
      expect(await at.say(1, { ...result, by: 'ann', roles: [...roles] }), roles.join()).toEqual(own);
      expect(await at.say(1, { ...result, by: 'bob', roles: [...roles] })).toMatchObject({ state: 'passed' });
    }
    await at.waiting(2, { check: { name: 'e2e' } });
    expect(await at.say(2, { ...result, by: 'ann', roles: ['admin'] })).toMatchObject({ state: 'passed' });
  });

  test('a decision with an outdated generation is refused with the current pointer', async () => {
    await published(at.store, at.release(1));
    await at.waiting(2, { approval: { name: 'release' } });
    expect(await at.say(2, { ifGeneration: 0 })).toMatchObject({
      kind: 'stale',
      pointer: { version: 1, generation: 1 },
    });
    expect(await at.say(2, { ifGeneration: 1 })).toMatchObject({ kind: 'recorded' });
    await at.moveIn();
    await at.waiting(1, { approval: { name: 'release' } });
    expect(await at.say(1, { ifGeneration: 3 })).toMatchObject({
      kind: 'stale',
      pointer: { version: null, generation: 0 },
    });
    expect(await at.say(1, { ifGeneration: 0 })).toMatchObject({ kind: 'recorded' });
  });

  test('if several reasons apply, the first one in a fixed order is returned', async () => {
    await published(at.store, at.release(1));
    await at.waiting(2, {
      approval: { name: 'release', role: 'admin', notAuthor: true, count: 2, within: '2h' },
    });
    const wrong = { by: 'ann', digest: digestOf('x'), roles: ['approver'], ifGeneration: 9 } as const;
    const asked = { ...wrong, roles: [...wrong.roles] };
    const right = { digest: null, roles: ['admin' as const] };
    await at.say(2, { roles: ['admin'] });
    expect(await at.say(2, { ...asked, at: at.openedAt + 3 * HOUR })).toMatchObject({ kind: 'expired' });
    expect(await at.say(2, asked)).toMatchObject({ kind: 'wrong_digest' });
    expect(await at.say(2, { ...asked, digest: null })).toMatchObject({ kind: 'wrong_role' });
    expect(await at.say(2, { ...asked, ...right })).toMatchObject({ kind: 'author' });
    expect(await at.say(2, { ...asked, ...right, by: 'alice' })).toMatchObject({ kind: 'stale' });
    expect(await at.say(2, { ...asked, ...right, by: 'alice', ifGeneration: 1 })).toMatchObject({
      kind: 'already_decided',
    });
    await at.say(2, { roles: ['admin'], by: 'bob', decision: 'reject' });
    expect(await at.say(2, { ...asked, at: at.openedAt + 3 * HOUR })).toMatchObject({ kind: 'decided' });
  });
});
