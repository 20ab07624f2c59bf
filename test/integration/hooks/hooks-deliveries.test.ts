import { randomUUID } from 'node:crypto';

import published from '@octokit/webhooks-examples' with { type: 'json' };
import { sign } from '@octokit/webhooks-methods';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { deliveryLimits } from '../../../services/hooks/limits.ts';
import type { SecretKeys } from '../../../services/secrets/secret-box.ts';
import { startApi, type TestAnswer, type TestApi } from '../../support/processes/api.ts';
import { signatureOf } from '../../support/servers/code-host.ts';
import { TEST_SECRET_KEYS } from '../../support/data/secret-keys.ts';
import { newTenant, startStore, type Store } from '../../support/worlds/store.ts';

/** Restate is unreachable, so no workflow starts and a delivery stays recorded as received. */
const NO_RESTATE = 'http://127.0.0.1:1';
const SECRET = 'sixteen-letters-';

let store: Store;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: NO_RESTATE });
  tenant = await newTenant(store);
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

const rule = {
  provider: 'github',
  repository: 'octo/bot',
  ref: 'refs/heads/main',
  bundle: 'bundle',
  secret: SECRET,
};
const path = (hook: string) => `/v1/tenants/${tenant}/hooks/${hook}`;
const put = (hook: string, over: object = {}, headers: Record<string, string> = {}) =>
  api.call('PUT', path(hook), { json: { ...rule, ...over }, headers });

function deliver(hook: string, body: string, headers: Record<string, string> = {}): Promise<TestAnswer> {
  const own = {
    authorization: '',
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-github-delivery': randomUUID(),
    'x-hub-signature-256': signatureOf(SECRET, body),
  };
  return api.call('POST', `${hook.startsWith('/') ? hook : path(hook)}/deliveries`, {
    headers: { ...own, ...headers },
    body,
  });
}

describe('a delivery to a hook', () => {
  beforeAll(async () => {
    await put('main');
    await put('lab', { provider: 'gitlab', repository: 'group/bot' });
  });

  /** Every part of a response that could reveal why the delivery was refused. */
  const contentOf = ({ status, json, headers }: TestAnswer) => {
    const { requestId: _id, instance: _instance, ...rest } = json;
    return { status, rest, authenticate: headers.get('www-authenticate'), type: headers.get('content-type') };
  };

  test('without a valid signature gets the same response for an unknown hook, an unknown tenant, a missing signature and a wrong signature', async () => {
    const body = '{"zen":"x"}';
    const wrong = { 'x-hub-signature-256': signatureOf('another-secret-of-16', body) };
    const none = { 'x-hub-signature-256': '' };
    const answers = [
      await deliver('main', body, wrong),
      await deliver('main', body, none),
      await deliver('main', body, { 'x-hub-signature-256': 'sha256=zz' }),
      await deliver('main', body, { ...wrong, 'content-type': 'text/plain' }),
      await deliver('main', 'not json', wrong),
      await deliver('lab', body, { 'x-gitlab-token': 'wrong' }),
      await deliver('lab', body),
      await deliver('nobody', body),
      await deliver('nobody', body, none),
      await deliver('/v1/tenants/nobody/hooks/main', body),
    ].map(contentOf);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({
      status: 401,
      authenticate: 'Signature realm="pointsman"',
      rest: { code: 'not_signed', title: 'A valid signature is required' },
    });
  });

  test('above the size limit is refused before its signature is checked', async () => {
    const body = 'x'.repeat(deliveryLimits.bodyBytes + 1);
    expect(contentOf(await deliver('main', body))).toMatchObject({ status: 413 });
    expect(contentOf(await deliver('nobody', body))).toMatchObject({ status: 413 });
  });

  test('of a ping is answered with 200 and ignored', async () => {
    const body = '{"zen":"Keep it logically awesome.","hook_id":1}';
    const answer = await deliver('main', body, { 'x-github-event': 'ping' });
    expect([answer.status, answer.json]).toMatchObject([
      200,
      { kind: 'ignored', why: expect.stringContaining('ping') },
    ]);
  });

  test.each([
    ['without an id', '{}', { 'x-github-delivery': '' }, 400, 'malformed'],
    [
      'with an id that cannot be part of an idempotency key',
      '{}',
      { 'x-github-delivery': 'a/b' },
      400,
      'malformed',
    ],
    ['that is not JSON', '{', {}, 400, 'malformed'],
    [
      'that is a form',
      'payload=%7B%7D',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported_media_type',
    ],
    ['of an invalid push payload', '{"ref":1}', {}, 422, 'invalid_request'],
  ])(
    '%s is refused with the reason, after its signature is verified',
    async (_what, body, headers, status, code) => {
      expect(await deliver('main', body, headers)).toMatchObject({ status, json: { code } });
    },
  );

  test('is recorded immediately while Restate is unreachable, and deliveries are listed page by page', async () => {
    const push = (n: number) =>
      JSON.stringify({
        ref: 'refs/heads/main',
        after: String(n).repeat(40),
        repository: { full_name: 'octo/bot', more: 'than is needed' },
        unknown: 'fields are left alone',
      });
    for (const n of [1, 2, 3]) {
      const answer = await deliver('main', push(n), { 'x-github-delivery': `d${n}` });
      expect([answer.status, answer.json]).toEqual([
        202,
        { kind: 'accepted', delivery: `d${n}`, state: 'received' },
      ]);
    }
    const first = await api.call('GET', `${path('main')}/deliveries?limit=2`);
    expect(first.json['items']).toMatchObject([
      { delivery: 'd3' },
      { delivery: 'd2', commit: '2'.repeat(40) },
    ]);
    const next = await api.call(
      'GET',
      `${path('main')}/deliveries?limit=1&cursor=${String(first.json['next'])}`,
    );
    expect(next.json['items']).toMatchObject([{ delivery: 'd1', state: 'received' }]);
    expect((await api.call('GET', `${path('nobody')}/deliveries`)).status).toBe(404);
  });

  test('from GitLab is recognized by its headers', async () => {
    const body = JSON.stringify({
      ref: 'refs/heads/main',
      before: 'a'.repeat(40),
      after: 'b'.repeat(40),
      checkout_sha: 'b'.repeat(40),
      project: { path_with_namespace: 'group/bot' },
      commits: [],
    });
    const headers = { 'x-gitlab-token': SECRET, 'x-gitlab-event': 'Push Hook', 'idempotency-key': 'one' };
    expect((await deliver('lab', body, headers)).status).toBe(202);
    const again = await deliver('lab', body, { ...headers, 'x-gitlab-event-uuid': randomUUID() });
    expect([again.status, again.json['replayed']]).toEqual([200, true]);
  });

  test('to a hook whose secret cannot be decrypted is refused as unsigned, and the log has the reason', async () => {
    await put('lost');
    await store.owner.query(`UPDATE pointsman.hooks SET secret = 'v1.0000.x.y' WHERE hook = 'lost'`);
    expect((await api.call('GET', path('lost'))).json).toMatchObject({ sealedUnder: 'lost' });
    expect((await deliver('lost', '{}')).status).toBe(401);
    expect(api.logged.some((line) => line.includes('the secret of a hook cannot be decrypted'))).toBe(true);
  });
});

describe('GitHub’s example payloads, signed by GitHub’s library', () => {
  /** Parses the examples, because the type declarations of the package do not match its content. */
  const examples = z.array(z.object({ name: z.string(), examples: z.array(z.unknown()) })).parse(published);
  const payloadOf = (event: string) => examples.find(({ name }) => name === event)?.examples[0];
  const written = [
    ['as GitHub writes it', (payload: unknown) => JSON.stringify(payload)],
    ['with other white space', (payload: unknown) => `${JSON.stringify(payload, null, 2)}\n`],
  ] as const;

  /** Delivers the body with that signature. */
  function send(event: string, body: Uint8Array<ArrayBuffer>, signature: string): Promise<TestAnswer> {
    const headers = {
      authorization: '',
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/044aadd',
      'x-github-delivery': randomUUID(),
      'x-github-event': event,
      'x-hub-signature-256': signature,
    };
    return api.call('POST', `${path('codertocat')}/deliveries`, { headers, body });
  }
  const recorded = async () =>
    (await api.call('GET', `${path('codertocat')}/deliveries`)).json['items'] as Record<string, unknown>[];

  beforeAll(async () => {
    const made = await put('codertocat', { repository: 'Codertocat/Hello-World', ref: 'refs/tags/*' });
    expect(made.status, made.text).toBe(201);
  });

  describe.each(written)('%s', (_how, write) => {
    test.each([
      ['push', 202, { kind: 'accepted', state: 'received' }],
      ['ping', 200, { kind: 'ignored', why: expect.stringContaining('ping') }],
      ['issue_comment', 200, { kind: 'ignored', why: expect.stringContaining('issue_comment') }],
    ])('a %s event is verified and recorded', async (event, status, receipt) => {
      const text = write(payloadOf(event));
      const before = (await recorded()).length;
      const answer = await send(event, Buffer.from(text), await sign(SECRET, text));
      expect([answer.status, answer.json], answer.text).toMatchObject([status, receipt]);
      const [newest, ...others] = await recorded();
      expect(others).toHaveLength(before);
      expect(newest).toMatchObject({
        delivery: answer.json['delivery'],
        state: event === 'push' ? 'received' : 'ignored',
        commit: event === 'push' ? '6113728f27ae82c7b1a177c8d03f9e96e0adf246' : null,
      });
    });

    // The byte in the middle belongs to a value. Replacing the last byte, a brace or white space, by a blank may keep
    // the JSON valid.
    test.each([
      ['in its middle', (bytes: Buffer) => void bytes.writeUInt8(bytes.readUInt8(2_000) ^ 1, 2_000)],
      ['at its end', (bytes: Buffer) => void bytes.write(' ', bytes.length - 1)],
    ])('a push with one changed byte %s is refused and not recorded', async (_where, change) => {
      const text = write(payloadOf('push'));
      const bytes = Buffer.from(text);
      change(bytes);
      expect(bytes.equals(Buffer.from(text))).toBe(false);
      const before = await recorded();
      const answer = await send('push', bytes, await sign(SECRET, text));
      expect(answer).toMatchObject({ status: 401, json: { code: 'not_signed' } });
      expect(await recorded()).toEqual(before);
    });
  });
});

describe('the secret key of the API', () => {
  const without = async (work: (api: TestApi) => Promise<void>, secretKeys: SecretKeys | null = null) => {
    const other = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: NO_RESTATE, secretKeys });
    try {
      await work(other);
    } finally {
      await other.stop();
    }
  };

  test('an API without a secret key refuses to set a hook, names the missing setting, and refuses deliveries', async () => {
    await without(async (other) => {
      const answer = await other.call('PUT', path('new'), { json: rule });
      expect(answer).toMatchObject({ status: 422, json: { code: 'no_secret_key' } });
      expect(answer.json['detail']).toContain('POINTSMAN_SECRET_KEY');
      expect((await other.call('POST', `${path('main')}/deliveries`, { body: '{}' })).status).toBe(503);
      expect((await other.call('POST', `${path('nobody')}/deliveries`, { body: '{}' })).status).toBe(503);
    });
  });

  test('an API with a new secret key and the previous one verifies deliveries of existing hooks', async () => {
    const rotated = { current: Buffer.alloc(32, 'new'), previous: TEST_SECRET_KEYS.current };
    await without(async (other) => {
      expect((await other.call('GET', path('main'))).json).toMatchObject({ sealedUnder: 'previous' });
      const body = '{"zen":"x"}';
      const headers = {
        authorization: '',
        'content-type': 'application/json',
        'x-github-event': 'ping',
        'x-github-delivery': 'rotated',
        'x-hub-signature-256': signatureOf(SECRET, body),
      };
      expect((await other.call('POST', `${path('main')}/deliveries`, { headers, body })).status).toBe(200);
    }, rotated);
  });
});
