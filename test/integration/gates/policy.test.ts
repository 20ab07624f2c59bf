import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';

import { NO_POLICY, Policy } from '../../../core/policy.ts';
import { type TestAnswer, type TestCall } from '../../support/processes/api.ts';
import { expectProblem, gatedApi, type Person } from '../../support/worlds/gated-api.ts';
import { as, itemsOf } from '../../support/data/tokens.ts';

// Tests the policy of a tenant over HTTP. Each person in the test has one role.

const at = gatedApi();

const QUEUE = { channels: { live: { onConflict: 'queue' } } };
const APPROVAL = { channels: { live: { gates: [{ approval: { name: 'release' } }] } } };

function policy(who: Person, method: string, call: TestCall = {}, more = ''): Promise<TestAnswer> {
  return at.api.call(method, `/v1/tenants/${at.tenant}/policy${more}`, as(at.token(who), call));
}
const put = (json: unknown, headers: Record<string, string> = {}, more = '') =>
  policy('root', 'PUT', { json, headers }, more);

describe('the policy of a tenant', () => {
  test('is version 0 without gates until a policy is set', async () => {
    const answer = await policy('viewer', 'GET');
    expect([answer.status, answer.headers.get('etag'), answer.json]).toEqual([200, '"0"', NO_POLICY]);
    const again = await policy('viewer', 'GET', { headers: { 'if-none-match': '"0"' } });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', '"0"']);
    expect(itemsOf(await policy('viewer', 'GET', {}, '/versions'))).toEqual([]);
  });

  test('can be set as docs/guides/policy.md shows it, and is returned in a form that can be set again', async () => {
    const text = await readFile(new URL('../../../docs/guides/policy.md', import.meta.url), 'utf8');
    const example: unknown = JSON.parse(/```json\n(.+?)```/s.exec(text)?.[1] ?? '');
    const made = await put(example);
    expect([made.status, made.headers.get('etag')], made.text).toEqual([200, '"1"']);
    const read = await policy('ci', 'GET');
    expect(read.json).toEqual(Policy.parse(example));
    expect(read.json).toMatchObject(example as object);
    expect(made.json).toEqual(read.json);
    const again = await put(read.json);
    expect([again.status, again.headers.get('etag')]).toEqual([200, '"1"']);
  });

  test('keeps every version with its author, time and message', async () => {
    await put(QUEUE, {}, '?message=in%20line');
    await put(APPROVAL);
    expect((await policy('viewer', 'GET')).headers.get('etag')).toBe('"2"');
    const first = await policy('viewer', 'GET', {}, '?version=1');
    expect([first.headers.get('etag'), first.json]).toEqual(['"1"', Policy.parse(QUEUE)]);
    expect((await policy('viewer', 'GET', {}, '?version=0')).json).toEqual(NO_POLICY);
    expectProblem(await policy('viewer', 'GET', {}, '?version=3'), 404, 'not_found');
    expect(itemsOf(await policy('viewer', 'GET', {}, '/versions'))).toEqual([
      { version: 2, message: null, by: 'root', at: expect.any(String) as string },
      { version: 1, message: 'in line', by: 'root', at: expect.any(String) as string },
    ]);
    const page = await policy('viewer', 'GET', {}, '/versions?limit=1');
    expect(itemsOf(page)).toMatchObject([{ version: 2 }]);
    const next = await policy('viewer', 'GET', {}, `/versions?limit=1&cursor=${String(page.json['next'])}`);
    expect([itemsOf(next), next.json['next']]).toEqual([[expect.objectContaining({ version: 1 })], null]);
  });

  test('is not replaced when If-Match names an older version', async () => {
    await put(QUEUE, { 'if-match': '"0"' });
    const late = await put(APPROVAL, { 'if-match': '"0"' });
    expectProblem(late, 412, 'policy_changed');
    expect([late.json['policyVersion'], late.headers.get('etag')]).toEqual([1, '"1"']);
    expect((await put(APPROVAL, { 'if-match': '"1"' })).headers.get('etag')).toBe('"2"');
    expectProblem(await put(APPROVAL, { 'if-match': '*' }), 400, 'malformed');
  });

  test('is set once for an idempotency key, and a repeated request gets the same response even after a later change', async () => {
    const key = { 'idempotency-key': 'first', 'if-match': '"0"' };
    await put(QUEUE, key);
    await put(APPROVAL);
    const again = await put(QUEUE, key);
    expect([again.status, again.headers.get('etag'), again.headers.get('idempotency-replayed')]).toEqual([
      200,
      '"1"',
      'true',
    ]);
    // The same JSON with other white space counts as the same request.
    const spelt =
      ' { "compile": { "executor": "local" }, "channels": { "live": { "onConflict": "queue" } } }';
    const headers = { ...key, 'content-type': 'application/json' };
    expect((await policy('root', 'PUT', { body: spelt, headers })).headers.get('etag')).toBe('"1"');
    expectProblem(await put(APPROVAL, key), 422, 'idempotency_key_reused');
    expectProblem(await put(QUEUE, key, '?message=other'), 422, 'idempotency_key_reused');
  });
});

describe('access to the policy', () => {
  test('is limited to admins for changes, and open to every role of the tenant for reads', async () => {
    for (const who of ['ci', 'alice', 'bob', 'viewer'] as const) {
      expectProblem(await policy(who, 'PUT', { json: QUEUE }), 403, 'forbidden');
      expect((await policy(who, 'GET')).status).toBe(200);
      expect((await policy(who, 'GET', {}, '/versions')).status).toBe(200);
    }
    expect((await policy('root', 'GET')).headers.get('etag')).toBe('"0"');
  });

  test('is refused to a token of another tenant, whether a policy exists or not', async () => {
    await put(QUEUE);
    const elsewhere = at.token('root');
    for (const tenant of ['another', 'nobody-knows']) {
      await at.api.call('POST', '/v1/tenants', { json: { tenant: 'another' } });
      for (const [method, call] of [
        ['GET', {}],
        ['PUT', { json: QUEUE }],
      ] as const) {
        const answer = await at.api.call(method, `/v1/tenants/${tenant}/policy`, as(elsewhere, call));
        expectProblem(answer, 403, 'forbidden');
      }
    }
  });

  test('is answered with 404 for a tenant that does not exist', async () => {
    for (const [method, more, call] of [
      ['GET', '', {}],
      ['GET', '/versions', {}],
      ['PUT', '', { json: QUEUE }],
    ] as const) {
      expectProblem(await at.api.call(method, `/v1/tenants/no-such/policy${more}`, call), 404, 'not_found');
    }
  });
});

describe('a policy with mistakes', () => {
  test('is refused with every mistake and its location, and changes nothing', async () => {
    const answer = await put({
      channels: {
        live: {
          onConflict: 'ignore',
          verify: {},
          gates: [
            { approval: { name: 'Release', count: 99 } },
            { window: { timezone: 'Oslo', freeze: ['Fri 16:00 - Mon 07:00', 'whenever'] } },
            { check: { name: 'e2e', within: '1y' } },
          ],
        },
        'Not a name': {},
      },
    });
    expectProblem(answer, 422, 'invalid_request');
    const places = (answer.json['errors'] as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(places.toSorted()).toEqual([
      '/channels/Not a name',
      '/channels/live/gates/0/approval/count',
      '/channels/live/gates/0/approval/name',
      '/channels/live/gates/1/window/freeze/1',
      '/channels/live/gates/1/window/timezone',
      '/channels/live/gates/2/check/within',
      '/channels/live/onConflict',
      '/channels/live/verify',
    ]);
    expect(answer.json['errors']).toContainEqual({
      in: 'body',
      pointer: '/channels/Not a name',
      message: expect.stringContaining("a channel's name is") as string,
    });
    expect((await policy('viewer', 'GET')).headers.get('etag')).toBe('"0"');
  });

  test('is refused when its freezes leave no time of the week open', async () => {
    const freeze = ['Mon 00:00 - Fri 00:00', 'Thu 12:00 - Mon 00:00'];
    const gates = [{ window: { timezone: 'Europe/Oslo', freeze } }];
    const answer = await put({ channels: { live: { gates } } });
    expectProblem(answer, 422, 'invalid_request');
    expect(answer.json['errors']).toMatchObject([
      { in: 'body', pointer: '/channels/live/gates/0/window/freeze' },
    ]);
  });
});
