import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { listGateNames } from '../../../services/postgres/releases/gates.ts';
import { gatedStore } from '../../support/worlds/gated-store.ts';
import { AT, admitted, published } from '../../support/worlds/store.ts';

// Why the record does not take a word, and which reason comes first. Times are by the clock that is handed in.

const HOUR = 3_600_000;
const at = gatedStore();

describe('a word is refused', () => {
  test('where there is no such release, and where the release has no such gate', async () => {
    await at.waiting(1, { approval: { name: 'release' } }, { check: { name: 'e2e' } });
    expect(await at.say(7)).toEqual({ kind: 'no_release' });
    expect(await at.say(1, { gate: 'nope' })).toEqual({ kind: 'no_gate' });
    expect(await at.say(1, { gate: 'e2e' }), 'of the other kind').toEqual({ kind: 'no_gate' });
    expect(await listGateNames(at.store.db, at.release(1))).toEqual([
      { gate: 'release', kind: 'approval' },
      { gate: 'e2e', kind: 'check' },
    ]);
  });

  test('before the release has come to its gates, unless it will have no such gate', async () => {
    await at.policy({ approval: { name: 'release' } });
    await admitted(at.store, at.release(1));
    expect(await at.say(1)).toEqual({ kind: 'not_open', status: 'running' });
    expect(await at.say(1, { gate: 'nope' })).toEqual({ kind: 'no_gate' });
    expect(await at.say(1, { kind: 'check', gate: 'release', word: 'success' })).toEqual({ kind: 'no_gate' });
    expect(await listGateNames(at.store.db, at.release(1))).toEqual([{ gate: 'release', kind: 'approval' }]);
  });

  test('that names no gate where several wait; the last one that waits is meant', async () => {
    await at.waiting(1, { approval: { name: 'legal' } }, { approval: { name: 'release' } });
    expect(await at.say(1)).toEqual({ kind: 'which', gates: ['legal', 'release'] });
    await at.say(1, { gate: 'legal' });
    expect(await at.say(1)).toMatchObject({ kind: 'heard', gate: 'release' });
    expect(await at.say(1)).toEqual({ kind: 'which', gates: ['legal', 'release'] });
  });

  test('where the gate has its answer, by the word that decided it', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 2 } });
    await at.say(1, { by: 'bob', at: at.openedAt + 1 });
    await at.say(1, { at: at.openedAt + 2 });
    const stands = { kind: 'decided', gate: 'release', state: 'passed', by: 'alice', word: 'approve' };
    for (const by of ['carol', 'alice', 'bob']) {
      expect(await at.say(1, { by, word: 'reject' }), by).toEqual({
        ...stands,
        at: new Date(at.openedAt + 2).toISOString(),
      });
    }
    await at.waiting(2, { approval: { name: 'release', count: 2 } });
    await at.say(2);
    await at.say(2, { by: 'bob', word: 'reject' });
    expect(await at.say(2)).toMatchObject({ kind: 'decided', state: 'failed', by: 'bob', word: 'reject' });
  });

  test('by somebody who has said theirs, whichever it was', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 2 } });
    await at.say(1, { at: at.openedAt + 1 });
    for (const word of ['approve', 'reject'] as const) {
      expect(await at.say(1, { word })).toEqual({
        kind: 'already_said',
        gate: 'release',
        word: 'approve',
        at: new Date(at.openedAt + 1).toISOString(),
      });
    }
    expect(await at.say(1, { by: 'bob' })).toMatchObject({ kind: 'heard', said: 2, state: 'passed' });
  });

  test('at its deadline and after it, by the clock that is handed in, whether or not anybody has looked', async () => {
    await at.waiting(1, { approval: { name: 'release', within: '2h' } });
    const deadlineAt = (await at.found(1)).gates[0]?.deadlineAt ?? '';
    const deadline = Date.parse(deadlineAt);
    const expired = { kind: 'expired', gate: 'release', deadlineAt };
    expect(await at.say(1, { at: deadline })).toEqual(expired);
    expect(await at.say(1, { at: deadline + HOUR })).toEqual(expired);
    expect(await at.gates.evaluate(at.release(1), deadline - 1)).toMatchObject({ kind: 'waiting' });
    expect(await at.gates.evaluate(at.release(1), deadline)).toMatchObject({ kind: 'failed' });
    expect(await at.say(1, { at: deadline - 1 }), 'late at the door').toEqual(expired);
    expect(await at.history(1)).toEqual(['release opened', 'release expired']);
  });

  test('up to its deadline it is heard', async () => {
    await at.waiting(1, { approval: { name: 'release', within: '2h' } });
    const deadline = Date.parse((await at.found(1)).gates[0]?.deadlineAt ?? '');
    expect(await at.say(1, { at: deadline - 1 })).toMatchObject({ kind: 'heard' });
  });

  test('on a release that is asked to end, and on one that has', async () => {
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

  test('that is about another artifact', async () => {
    const digest = await at.waiting(1, { approval: { name: 'release' } }, { check: { name: 'e2e' } });
    const other = digestOf('another');
    expect(await at.say(1, { digest: other })).toEqual({ kind: 'wrong_digest', digest });
    expect(await at.say(1, { kind: 'check', word: 'success', digest: other })).toEqual({
      kind: 'wrong_digest',
      digest,
    });
    expect(await at.say(1, { digest })).toMatchObject({ kind: 'heard' });
    expect(await at.say(1, { kind: 'check', word: 'success', digest })).toMatchObject({ kind: 'heard' });
  });

  test('by whoever has not the role; an admin always has', async () => {
    await at.waiting(1, { approval: { name: 'release', role: 'admin' } });
    const refused = { kind: 'wrong_role', gate: 'release', role: 'admin' };
    for (const roles of [['approver'], ['viewer', 'publisher'], []] as const) {
      expect(await at.say(1, { roles: [...roles] })).toEqual(refused);
    }
    expect(await at.say(1, { roles: ['admin'] })).toMatchObject({ kind: 'heard' });
    await at.waiting(2, { approval: { name: 'release', role: 'approver' } });
    expect(await at.say(2, { roles: ['publisher'] })).toMatchObject({ kind: 'wrong_role', role: 'approver' });
    expect(await at.say(2, { roles: ['admin'] })).toMatchObject({ kind: 'heard' });
  });

  test('by the author where four eyes are wanted, admin or not, and by nobody else', async () => {
    await at.waiting(1, { approval: { name: 'release', notAuthor: true } });
    for (const roles of [['approver'], ['admin']] as const) {
      expect(await at.say(1, { by: 'ann', roles: [...roles] })).toEqual({ kind: 'author', gate: 'release' });
    }
    expect(await at.say(1)).toMatchObject({ kind: 'heard' });
    await at.waiting(2, { approval: { name: 'release' } });
    expect(await at.say(2, { by: 'ann' })).toMatchObject({ kind: 'heard' });
  });

  test('by the author of the release about its checks, unless an admin says it', async () => {
    const result = { kind: 'check', word: 'success' } as const;
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

  test('that was given after a look at another pointer than the present one', async () => {
    await published(at.store, at.release(1));
    await at.waiting(2, { approval: { name: 'release' } });
    expect(await at.say(2, { ifGeneration: 0 })).toMatchObject({
      kind: 'stale',
      pointer: { version: 1, generation: 1 },
    });
    expect(await at.say(2, { ifGeneration: 1 })).toMatchObject({ kind: 'heard' });
    await at.moveIn();
    await at.waiting(1, { approval: { name: 'release' } });
    expect(await at.say(1, { ifGeneration: 3 })).toMatchObject({
      kind: 'stale',
      pointer: { version: null, generation: 0 },
    });
    expect(await at.say(1, { ifGeneration: 0 })).toMatchObject({ kind: 'heard' });
  });

  test('for the first of several reasons, always the same one', async () => {
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
      kind: 'already_said',
    });
    await at.say(2, { roles: ['admin'], by: 'bob', word: 'reject' });
    expect(await at.say(2, { ...asked, at: at.openedAt + 3 * HOUR })).toMatchObject({ kind: 'decided' });
  });
});
