import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { expectProblem, gatedApi } from '../../support/worlds/gated-api.ts';

// Tests decisions on gates, from the request until the release settles.

const at = gatedApi();

const RELEASE = { approval: { name: 'release' } };

describe('a release with gates', () => {
  test('goes live when it is approved, and records who approved it', async () => {
    await at.policy(RELEASE);
    const version = await at.publish();
    await at.waiting(version);
    const answer = await at.approve('alice', version, { comment: 'Looks right' });
    expect([answer.status, answer.json]).toEqual([
      201,
      { gate: 'release', state: 'passed', decisions: 1, needed: 1, replayed: false },
    ]);
    expect(await at.settled(version)).toMatchObject({
      outcome: 'published',
      gates: [{ state: 'passed', decisions: [{ by: 'alice', decision: 'approve', comment: 'Looks right' }] }],
    });
  });

  test('is rejected with the reason when an approver rejects it, and its artifact claim is undone', async () => {
    await at.policy(RELEASE);
    const version = await at.publish();
    await at.waiting(version);
    const answer = await at.approve('alice', version, { decision: 'reject', comment: 'wrong tone' });
    expect(answer.json).toMatchObject({ state: 'failed' });
    expect(await at.settled(version)).toMatchObject({
      outcome: 'rejected',
      reason: 'rejected by alice at the gate "release": wrong tone',
      effects: [{ effect: 'artifact-claim', state: 'compensated' }],
    });
  });

  test('is rejected at its deadline, and accepts no decision afterwards', async () => {
    await at.policy({ approval: { name: 'release', within: '1s' } });
    const version = await at.publish();
    const { outcome, gates } = await at.settled(version);
    expect(outcome).toBe('rejected');
    const answer = await at.approve('alice', version);
    expectProblem(answer, 409, 'gate_expired');
    expect(answer.json).toMatchObject({ gate: 'release', deadlineAt: gates[0]?.deadlineAt });
  });

  test('waits for as many people as its policy requires, and a second decision of one person does not count', async () => {
    await at.policy({ approval: { name: 'release', count: 2 } });
    const version = await at.publish();
    await at.waiting(version);
    expect((await at.approve('alice', version)).json).toMatchObject({
      state: 'open',
      decisions: 1,
      needed: 2,
    });
    const again = await at.approve('alice', version, { decision: 'reject' });
    expectProblem(again, 409, 'already_decided');
    expect(again.json).toMatchObject({ gate: 'release', decision: 'approve' });
    expect((await at.approve('bob', version)).json).toMatchObject({
      state: 'passed',
      decisions: 2,
      needed: 2,
    });
    expect((await at.settled(version)).outcome).toBe('published');
  });

  test('refuses another decision on a decided gate, and returns the first decision', async () => {
    await at.policy(RELEASE, { check: { name: 'e2e' } });
    const version = await at.publish();
    await at.waiting(version, 2);
    await at.approve('alice', version);
    const late = await at.approve('bob', version, { decision: 'reject' });
    expectProblem(late, 409, 'gate_decided');
    expect(late.json).toMatchObject({ gate: 'release', state: 'passed', by: 'alice', decision: 'approve' });
    expect(late.json['at']).toMatch(/^\d{4}-/);
    await at.say('e2e', version, '/checks/e2e', { conclusion: 'success' });
    expect((await at.settled(version)).outcome).toBe('published');
    expectProblem(await at.approve('bob', version), 409, 'gate_decided');
  });

  test('that was cancelled refuses a decision, and the error contains its outcome', async () => {
    await at.policy(RELEASE);
    const version = await at.publish();
    await at.waiting(version);
    await at.call('ci', 'POST', version, '/cancel', {});
    const answer = await at.approve('alice', version);
    expectProblem(answer, 409, 'already_settled');
    expect(answer.json).toMatchObject({ outcome: 'cancelled' });
    expect((await at.settled(version)).outcome).toBe('cancelled');
  });
});

describe('an approval', () => {
  test('is refused if it names another artifact than the one at the gate', async () => {
    await at.policy(RELEASE);
    const version = await at.publish();
    const digest = await at.waiting(version);
    const answer = await at.approve('alice', version, { digest: digestOf('another') });
    expectProblem(answer, 409, 'digest_mismatch');
    expect(answer.json).toMatchObject({ digest });
    expectProblem(
      await at.say('e2e', version, '/checks/release', { conclusion: 'success', digest }),
      404,
      'not_found',
    );
  });

  test('is void after a promotion of another release: the gate opens again, and new approvals publish the release', async () => {
    const first = await at.publish();
    await at.settled(first);
    await at.settled(await at.publish());
    await at.policy({ approval: { name: 'release', count: 2 } });
    const version = await at.publish();
    await at.waiting(version);
    expect((await at.approve('alice', version, { generation: 2 })).status).toBe(201);
    const live = await at.call('ci', 'PUT', 'bundles/bot/channels/live', '', { version: first });
    expect(live.json).toMatchObject({ generation: 3 });
    const { json } = await at.call('viewer', 'GET', version);
    expect(json['gates']).toMatchObject([{ state: 'open', baseGeneration: 3, decisions: [{ void: true }] }]);
    const unaware = await at.approve('bob', version, { generation: 2 });
    expectProblem(unaware, 412, 'pointer_moved');
    expect(unaware.json).toMatchObject({ pointer: { version: first, generation: 3 } });
    expect((await at.approve('alice', version)).json).toMatchObject({ decisions: 1, state: 'open' });
    expect((await at.approve('bob', version, { generation: 3 })).json).toMatchObject({
      decisions: 2,
      state: 'passed',
    });
    expect(await at.settled(version)).toMatchObject({ outcome: 'published', generation: 4 });
  });
});

describe('a check', () => {
  test.each([
    ['success', 'published', null],
    ['failure', 'rejected', 'the check "e2e" failed, reported by e2e: 3 of 212'],
  ])('that reports %s leads to the outcome %s', async (conclusion, outcome, reason) => {
    await at.policy({ check: { name: 'e2e' } });
    const version = await at.publish();
    const digest = await at.waiting(version);
    const url = 'https://ci.example/runs/4711';
    const answer = await at.say('e2e', version, '/checks/e2e', {
      conclusion,
      summary: '3 of 212',
      url,
      digest,
    });
    expect(answer.status, answer.text).toBe(201);
    expect(await at.settled(version)).toMatchObject({
      outcome,
      reason,
      gates: [{ decisions: [{ by: 'e2e', decision: conclusion, comment: '3 of 212', url }] }],
    });
  });

  test('with an unknown name is refused, and the error lists the gates of the release', async () => {
    await at.policy({ check: { name: 'e2e' } }, RELEASE);
    const version = await at.publish();
    await at.waiting(version, 2);
    const answer = await at.say('e2e', version, '/checks/e2', { conclusion: 'success' });
    expectProblem(answer, 404, 'not_found');
    expect(answer.json['detail']).toContain('it has check "e2e", approval "release"');
    expect(answer.json['gates']).toEqual(['e2e', 'release']);
    await at.policy();
    const free = await at.publish('ci', 'free: 1');
    await at.settled(free);
    expect((await at.say('e2e', free, '/checks/e2e', { conclusion: 'success' })).json['detail']).toContain(
      'it does not have any gates',
    );
  });
});

describe('a decision with an idempotency key', () => {
  test('counts once when it is sent repeatedly, and the key is refused for another request and for another person', async () => {
    await at.policy({ approval: { name: 'release', count: 2 } });
    const version = await at.publish();
    const digest = await at.waiting(version);
    const decision = { decision: 'approve', digest };
    const key = { 'idempotency-key': 'a-decision' };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => at.say('alice', version, '/approvals', decision, key)),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    expect(answers.filter(({ json }) => json['replayed'] === false)).toHaveLength(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(4);
    for (const { json } of answers) expect(json).toMatchObject({ decisions: 1, state: 'open' });
    const other = await at.say('alice', version, '/approvals', { ...decision, comment: 'x' }, key);
    expectProblem(other, 422, 'idempotency_key_reused');
    // A success response would make Bob believe that he has approved.
    expectProblem(await at.say('bob', version, '/approvals', decision, key), 422, 'idempotency_key_reused');
  });
});
