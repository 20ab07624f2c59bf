import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { Tenant } from '../../../handlers/contract/tenant.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { expectProblem, gatedApi } from '../../support/worlds/gated-api.ts';
import { waitingGates, withPolicy } from '../../support/data/gates.ts';
import { shown } from '../../support/data/tokens.ts';

// Tests decisions that the API refuses.

const at = gatedApi();

const RELEASE = { approval: { name: 'release' } };

describe('permission to decide a gate', () => {
  test('requires the role of the gate', async () => {
    await at.policy({ approval: { name: 'release', role: 'admin' } }, { check: { name: 'e2e' } });
    const version = await at.publish();
    await at.waiting(version, 2);
    expectProblem(await at.approve('ci', version), 403, 'forbidden');
    expectProblem(await at.approve('viewer', version), 403, 'forbidden');
    const wrong = await at.approve('alice', version);
    expectProblem(wrong, 403, 'forbidden');
    expect(wrong.json).toMatchObject({ gate: 'release', role: 'admin' });
    expectProblem(
      await at.say('viewer', version, '/checks/e2e', { conclusion: 'success' }),
      403,
      'forbidden',
    );
    expect((await at.say('alice', version, '/checks/e2e', { conclusion: 'success' })).status).toBe(201);
    expect((await at.approve('root', version)).status).toBe(201);
    expect((await at.settled(version)).outcome).toBe('published');
  });

  test('is refused to the author of the release when the gate requires another person, even if the author is an approver', async () => {
    await at.policy({ approval: { name: 'release', notAuthor: true } });
    const version = await at.publish('bob');
    await at.waiting(version);
    const own = await at.approve('bob', version);
    expectProblem(own, 403, 'own_release');
    expect(own.json['detail']).toContain('must be decided by someone other than the author');
    expect((await at.approve('alice', version)).status).toBe(201);
  });

  test('is refused to the author of a release for the checks of that release, unless the author is an admin', async () => {
    await at.policy({ check: { name: 'e2e' } });
    const success = { conclusion: 'success' };
    for (const author of ['ci', 'bob', 'root'] as const) {
      const version = await at.publish(author);
      await at.waiting(version);
      if (author !== 'root') {
        const own = await at.say(author, version, '/checks/e2e', success);
        expectProblem(own, 403, 'own_release');
        expect(own.json).toMatchObject({ gate: 'e2e', role: 'reporter' });
        expect(own.json['detail']).toContain(`You published ${at.tenant}:bot:v${version}`);
      }
      const by = author === 'root' ? 'root' : 'e2e';
      expect((await at.say(by, version, '/checks/e2e', success)).status).toBe(201);
      expect((await at.settled(version)).outcome).toBe('published');
    }
  });

  test('is refused to a token of another tenant, with the same response for existing and for unknown releases', async () => {
    const theirs = await newTenant(at.plane);
    await withPolicy(at.plane, theirs, [RELEASE, { check: { name: 'e2e' } }]);
    const version = await accepted(at.plane, theirs, { bundle: 'bot' });
    const [gate] = await waitingGates(at.plane, theirs, 2);
    const headers = { authorization: `Bearer ${at.token('root')}` };
    const word = { json: { decision: 'approve', digest: gate?.digest }, headers };
    const report = { json: { conclusion: 'success' }, headers };
    const answers = [await at.api.call('GET', `/v1/tenants/${theirs}/gates`, { headers })];
    for (const path of [
      `${theirs}/bundles/bot/releases/${version}`,
      `${theirs}/bundles/bot/releases/99`,
      'nobody/bundles/bot/releases/1',
    ]) {
      answers.push(await at.api.call('POST', `/v1/tenants/${path}/approvals`, word));
      answers.push(await at.api.call('POST', `/v1/tenants/${path}/checks/e2e`, report));
    }
    for (const answer of answers) {
      expectProblem(answer, 403, 'forbidden');
      expect(shown(answer)).toEqual(shown(answers[0]!));
    }
    expect(await waitingGates(at.plane, theirs, 2)).toMatchObject([{ decisions: [] }, { decisions: [] }]);
    await at.plane.ingress
      .client(Tenant, theirs)
      .cancel({ bundle: 'bot', version, by: 'test', reason: null });
    await settled(at.plane, theirs, version, { bundle: 'bot' });
  });
});

describe('an invalid decision', () => {
  test.each([
    ['a missing decision', '/approvals', { digest: digestOf('x') }, '/decision'],
    ['an unknown decision', '/approvals', { decision: 'maybe', digest: digestOf('x') }, '/decision'],
    ['a missing digest', '/approvals', { decision: 'approve' }, '/digest'],
    ['an invalid digest', '/approvals', { decision: 'approve', digest: 'latest' }, '/digest'],
    [
      'an invalid generation',
      '/approvals',
      { decision: 'approve', digest: digestOf('x'), generation: -1 },
      '/generation',
    ],
    [
      'an invalid gate name',
      '/approvals',
      { decision: 'approve', digest: digestOf('x'), gate: 'A' },
      '/gate',
    ],
    [
      'an empty comment',
      '/approvals',
      { decision: 'approve', digest: digestOf('x'), comment: '' },
      '/comment',
    ],
    ['an unknown field', '/approvals', { decision: 'approve', digest: digestOf('x'), force: true }, '/force'],
    ['a missing conclusion', '/checks/e2e', {}, '/conclusion'],
    ['an unknown conclusion', '/checks/e2e', { conclusion: 'neutral' }, '/conclusion'],
    ['a javascript: link', '/checks/e2e', { conclusion: 'success', url: 'javascript:alert(1)' }, '/url'],
    ['a link to a file', '/checks/e2e', { conclusion: 'success', url: 'file:///etc/passwd' }, '/url'],
    [
      'a summary with control codes',
      '/checks/e2e',
      { conclusion: 'success', summary: '\u001b[2J' },
      '/summary',
    ],
    [
      'a summary past its limit',
      '/checks/e2e',
      { conclusion: 'success', summary: 'x'.repeat(1_001) },
      '/summary',
    ],
  ])('with %s is refused with the location of the mistake', async (_what, path, json, pointer) => {
    const answer = await at.say('root', 1, path, json);
    expectProblem(answer, 422, 'invalid_request');
    expect(answer.json['errors']).toMatchObject([{ in: 'body', pointer }]);
  });

  test('for an invalid check name, an invalid version or an unknown release is refused', async () => {
    const conclusion = { conclusion: 'success' };
    expectProblem(await at.say('ci', 1, '/checks/Not_A_Name', conclusion), 422, 'invalid_request');
    expectProblem(await at.say('ci', 0, '/checks/e2e', conclusion), 422, 'invalid_request');
    expectProblem(await at.say('ci', 1, '/checks/e2e', conclusion), 404, 'not_found');
    await at.publish();
    const gone = await at.say('ci', 99, '/checks/e2e', conclusion);
    expectProblem(gone, 404, 'not_found');
    expect(gone.json['detail']).toBe('The release v99 of "bot" does not exist.');
  });

  test('on a queued release is refused as "gate_not_open", with Retry-After', async () => {
    await at.policy(RELEASE);
    const waits = await at.publish();
    await at.waiting(waits);
    const next = await at.call('ci', 'POST', 'bundles/bot/releases', '', {
      files: { 'a.yaml': 'queued: 1' },
      onConflict: 'queue',
    });
    const answer = await at.approve('alice', Number(next.json['version']), { digest: digestOf('x') });
    expectProblem(answer, 409, 'gate_not_open');
    expect(answer.json['detail']).toContain('is queued behind another release of its pointer');
    const queued = await at.call('ci', 'GET', `bundles/bot/releases/${String(next.json['version'])}`);
    expect(queued.json).toMatchObject({
      status: 'queued',
      waitingFor: [{ kind: 'release', name: `v${waits}` }],
    });
    const gated = await at.call('ci', 'GET', `bundles/bot/releases/${waits}`);
    expect(gated.json).toMatchObject({
      status: 'waiting',
      stage: 'gate',
      waitingFor: [{ kind: 'approval', name: 'release' }],
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('without a gate name is refused while several gates are open, and the error lists their names', async () => {
    await at.policy(RELEASE, { approval: { name: 'legal' } });
    const version = await at.publish();
    await at.waiting(version, 2);
    const answer = await at.approve('alice', version);
    expectProblem(answer, 422, 'which_gate');
    expect(answer.json['gates']).toEqual(['release', 'legal']);
    expect((await at.approve('alice', version, { gate: 'legal' })).status).toBe(201);
    expect((await at.approve('alice', version)).json).toMatchObject({ gate: 'release' });
  });
});
