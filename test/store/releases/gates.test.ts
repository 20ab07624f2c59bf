import { beforeEach, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import type { DecisionResult } from '../../../handlers/contract/release.ts';
import { listGateNames, listOpenGates, openGatePosition } from '../../../services/postgres/releases/gates.ts';
import { gatedStore } from '../../support/worlds/gated-store.ts';
import { AT, handRequest, published, readyToSwap } from '../../support/worlds/store.ts';

// Tests the effects of decisions on gates, as the database records them.

const at = gatedStore();

const kinds = (answers: readonly DecisionResult[]) => answers.map(({ kind }) => kind);

describe('a decision on a gate', () => {
  test('the only required approval passes the gate, wakes the release once, and lets the pointer move', async () => {
    await at.waiting(1, { approval: { name: 'release' } });
    expect(await at.swap(1, 0)).toEqual({ kind: 'gates_open' });
    expect(await at.say(1, { comment: 'fine' })).toEqual({
      kind: 'recorded',
      gate: 'release',
      state: 'passed',
      decisions: 1,
      needed: 1,
      decisionNumber: 1,
      replayed: false,
    });
    expect(await at.evaluate(1)).toEqual({ kind: 'passed' });
    expect(await at.swap(1, 0)).toMatchObject({ kind: 'moved' });
    expect((await at.found(1)).gates).toMatchObject([
      {
        gate: 'release',
        state: 'passed',
        decisions: [{ by: 'alice', decision: 'approve', comment: 'fine', void: false }],
      },
    ]);
  });

  test('one rejection fails the gate immediately with its reason, for any number of needed or recorded approvals', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 3 } });
    await at.say(1);
    expect(await at.say(1, { by: 'bob', decision: 'reject', comment: 'too risky' })).toMatchObject({
      kind: 'recorded',
      state: 'failed',
      decisionNumber: 1,
    });
    expect(await at.evaluate(1)).toEqual({
      kind: 'failed',
      reason: 'rejected by bob at the gate "release": too risky',
    });
  });

  test('one success passes a check, and a failure fails the release with the reason', async () => {
    await at.waiting(1, { check: { name: 'e2e' } }, { check: { name: 'load' } });
    const check = { kind: 'check' as const, roles: ['reporter' as const], by: 'ci' };
    expect(await at.say(1, { ...check, gate: 'e2e', decision: 'success' })).toMatchObject({
      state: 'passed',
      needed: 1,
    });
    expect(await at.say(1, { ...check, gate: 'load', decision: 'failure', comment: 'slow' })).toMatchObject({
      state: 'failed',
      decisionNumber: 2,
    });
    expect(await at.evaluate(1)).toEqual({
      kind: 'failed',
      reason: 'the check "load" failed, reported by ci: slow',
    });
  });

  test('a repeated decision with the same idempotency key returns the recorded result, even after the gate or the release has settled', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 2 } });
    const idempotencyKey = 'once';
    const first = await at.say(1, { idempotencyKey });
    await at.say(1, { by: 'bob' });
    await at.swap(1, 0);
    expect(await at.say(1, { idempotencyKey })).toEqual({ ...first, replayed: true });
    expect(await at.say(1, { idempotencyKey, fingerprint: digestOf('other') })).toEqual({
      kind: 'key_reused',
    });
    expect(await at.history(1)).toHaveLength(4);
  });
});

describe('concurrent decisions', () => {
  const twenty = Array.from({ length: 20 }, (_none, index) => index);

  test('twenty decisions of one person count once', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 2 } });
    const answers = await Promise.all(twenty.map(() => at.say(1)));
    expect(kinds(answers).filter((kind) => kind === 'recorded')).toHaveLength(1);
    expect(kinds(answers).filter((kind) => kind === 'already_decided')).toHaveLength(19);
    expect(await at.history(1)).toEqual(['release opened', 'release decided alice']);
  });

  test('twenty decisions with one idempotency key count once, and all return that result', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 2 } });
    const answers = await Promise.all(twenty.map(() => at.say(1, { idempotencyKey: 'one' })));
    expect(answers.filter((one) => one.kind === 'recorded' && one.decisions === 1)).toHaveLength(20);
    expect(answers.filter((one) => one.kind === 'recorded' && !one.replayed)).toHaveLength(1);
  });

  test('of two decisions with one idempotency key on two releases, one is recorded and the other gets "key_reused"', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 10 } });
    await readyToSwap(at.store, at.release(2));
    for (const round of [1, 2, 3, 4, 5]) {
      const said = (version: number) =>
        at.say(version, {
          idempotencyKey: `${round}`,
          fingerprint: digestOf(`v${version}`),
          by: `p${round}`,
        });
      expect(kinds(await Promise.all([said(1), said(2)])).toSorted()).toEqual(['key_reused', 'recorded']);
    }
    const words = [...(await at.history(1)), ...(await at.history(2))].filter((one) =>
      one.includes('decided'),
    );
    expect(words).toHaveLength(5);
  });

  test('decisions of many people are counted exactly: the last one needed passes the gate and wakes the release once', async () => {
    await at.waiting(1, { approval: { name: 'release', count: 7 } });
    const answers = await Promise.all(twenty.map((index) => at.say(1, { by: `person-${index}` })));
    const heard = answers.filter((one) => one.kind === 'recorded');
    expect(heard.map(({ decisions }) => decisions).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(heard.filter(({ decisionNumber }) => decisionNumber !== null)).toMatchObject([
      { decisions: 7, state: 'passed', decisionNumber: 1 },
    ]);
    expect(kinds(answers).filter((kind) => kind === 'decided')).toHaveLength(13);
    const changes = (await at.found(1)).gateChanges;
    expect(changes.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(changes.at(-1)?.change).toBe('passed');
  });
});

describe('a move by hand while a release waits', () => {
  beforeEach(async () => {
    await published(at.store, at.release(1));
    await published(at.store, at.release(2));
  });

  const byHand = (version: number) => at.store.moves.moveByHand(handRequest({ tenant: at.tenant, version }));

  test('the move voids the approvals immediately, the gate opens again until its old deadline, and the same people may approve again', async () => {
    await at.waiting(3, { approval: { name: 'release', count: 2 } });
    await at.say(3);
    await at.say(3, { by: 'bob' });
    expect(await at.evaluate(3)).toEqual({ kind: 'passed' });
    const [before] = (await at.found(3)).gates;
    await byHand(1);
    const { gates: after, stages } = await at.found(3);
    expect(after).toMatchObject([
      {
        state: 'open',
        statusText: 'waits for 2 of 2 approvals by a token with the role approver',
        deadlineAt: before?.deadlineAt,
        decidedAt: null,
        baseGeneration: 3,
        decisions: [{ void: true }, { void: true }],
      },
    ]);
    expect(stages).toContainEqual(expect.objectContaining({ stage: 'gate', state: 'running' }));
    expect(await listOpenGates(at.store.db, at.tenant, { limit: 5 })).toHaveLength(1);
    expect(await at.swap(3, 3)).toEqual({ kind: 'gates_open' });
    expect(await at.say(3)).toMatchObject({ kind: 'recorded', decisions: 1, state: 'open' });
    expect(await at.say(3, { by: 'bob' })).toMatchObject({ kind: 'recorded', decisions: 2, state: 'passed' });
    expect(await at.evaluate(3)).toEqual({ kind: 'passed' });
    expect(await at.swap(3, 3)).toMatchObject({ kind: 'moved', generation: 4 });
    expect(await at.history(3)).toEqual([
      'release opened',
      'release decided alice',
      'release decided bob',
      'release passed',
      'release voided',
      'release decided alice',
      'release decided bob',
      'release passed',
    ]);
  });

  test('a check stays passed, because it concerns the artifact alone', async () => {
    await at.waiting(3, { check: { name: 'e2e' } }, { approval: { name: 'release' } });
    await at.say(3, { kind: 'check', decision: 'success' });
    await byHand(1);
    expect((await at.found(3)).gates).toMatchObject([
      { state: 'passed' },
      { state: 'open', baseGeneration: 3 },
    ]);
  });

  test('a move of another pointer, or to the same release, does not void any approval', async () => {
    await at.waiting(3, { approval: { name: 'release' } });
    await at.say(3);
    await at.store.moves.moveByHand(handRequest({ tenant: at.tenant, version: 1, channel: 'staging' }));
    expect(await byHand(2)).toMatchObject({ kind: 'unchanged' });
    expect((await at.found(3)).gates).toMatchObject([{ state: 'passed', baseGeneration: 2 }]);
  });

  test('the release’s own move does not void any approval, however late its gates are evaluated or decided', async () => {
    await at.waiting(3, { approval: { name: 'release' } });
    await at.say(3);
    await at.swap(3, 2);
    expect(await at.evaluate(3)).toEqual({ kind: 'closed' });
    expect(await at.say(3, { by: 'bob' })).toMatchObject({ kind: 'decided', state: 'passed', by: 'alice' });
    expect((await at.found(3)).gates).toMatchObject([{ state: 'passed', decisions: [{ void: false }] }]);
  });
});

describe('the list of open gates', () => {
  test('open gates are listed with their release, oldest first, each once over all pages', async () => {
    await at.policy({ approval: { name: 'release' } }, { check: { name: 'e2e' } });
    const asked = { by: 'x', reason: null, at: AT };
    const bundles = ['c', 'a', 'b', 'd', 'e'];
    for (const bundle of bundles) await readyToSwap(at.store, { tenant: at.tenant, bundle, version: 1 });
    await at.say(1, { bundle: 'b', kind: 'check', decision: 'success' });
    await at.store.admissions.requestCancel({ ...at.release(1), bundle: 'd' }, asked);
    const all = [];
    let after: Parameters<typeof listOpenGates>[2]['after'] = null;
    for (;;) {
      const page = await listOpenGates(at.store.db, at.tenant, { after, limit: 2 });
      all.push(...page);
      const last = page.at(-1);
      if (page.length < 2 || last === undefined) break;
      after = openGatePosition(last);
    }
    expect(all.map(({ bundle, gate }) => `${bundle} ${gate}`).toSorted()).toEqual([
      'a e2e',
      'a release',
      'b release',
      'c e2e',
      'c release',
      'e e2e',
      'e release',
    ]);
    const opened = all.map(({ openedAt: time }) => time);
    expect(opened).toEqual(opened.toSorted());
    expect(all[0]).toMatchObject({ version: 1, channel: 'live', author: 'ann', state: 'open' });
  });

  test('a tenant can neither see nor decide gates of another tenant, and may use the same idempotency keys', async () => {
    const theirs = at.tenant;
    await at.waiting(1, { approval: { name: 'release', count: 2 } });
    await at.say(1, { idempotencyKey: 'shared' });
    await at.moveIn();
    expect(await listOpenGates(at.store.db, at.tenant, { limit: 5 })).toEqual([]);
    expect(await listGateNames(at.store.db, at.release(1))).toEqual([]);
    expect(await at.say(1, { idempotencyKey: 'shared' })).toEqual({ kind: 'no_release' });
    await at.waiting(1, { approval: { name: 'release', count: 2 } });
    expect(await at.say(1, { idempotencyKey: 'shared' })).toMatchObject({
      kind: 'recorded',
      replayed: false,
      decisions: 1,
    });
    expect(await at.say(1, { tenant: theirs, by: 'bob' })).toMatchObject({ kind: 'recorded', decisions: 2 });
    expect((await at.found(1)).gates).toMatchObject([{ decisions: [{ by: 'alice' }] }]);
  });
});

test('the audit contains each decision with the artifact and the generation to which it applied', async () => {
  const digest = await at.waiting(1, { approval: { name: 'release' } });
  await at.say(1, { comment: 'fine', requestId: 'req-1' });
  const { rows } = await at.store.owner.query(
    `SELECT by, action, detail FROM pointsman.audit WHERE tenant = $1 AND action = 'approve'`,
    [at.tenant],
  );
  expect(rows).toEqual([
    {
      by: 'alice',
      action: 'approve',
      detail: {
        bundle: 'bundle',
        version: 1,
        gate: 'release',
        digest,
        baseGeneration: 0,
        comment: 'fine',
        requestId: 'req-1',
      },
    },
  ]);
});
