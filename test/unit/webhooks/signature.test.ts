import { randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';

import { signatureHeaders } from '../../../packages/protocol/webhooks/sign.ts';
import { verifyWebhook } from '../../../packages/client/webhooks/verify.ts';
import { newWebhookSecret, webhookKey } from '../../../packages/protocol/webhooks/webhook-secret.ts';

const [secret, other] = [newWebhookSecret(), newWebhookSecret()];
const id = 'acme:support-bot:live:17';
const body = '{"specversion":"1.0"}';
const now = () => Math.floor(Date.now() / 1_000);

const signed = (secrets: readonly string[], over: object = {}) =>
  signatureHeaders({ id, timestamp: now(), body, ...over }, secrets);
const check = (
  headers: Record<string, string | string[]>,
  { secrets = [secret], text = body, ...more }: { secrets?: string[]; text?: string; nowMs?: number } = {},
) => verifyWebhook({ headers, body: Buffer.from(text) }, { secrets, ...more });

describe('a message that the product has signed', () => {
  test('is verified by the Standard Webhooks library, for any content', () => {
    fc.assert(
      fc.property(fc.json(), fc.uint8Array({ minLength: 24, maxLength: 64 }), (text, key) => {
        const own = `whsec_${Buffer.from(key).toString('base64')}`;
        const headers = signatureHeaders({ id, timestamp: now(), body: text }, [own]);
        expect(new Webhook(own).verify(text, headers)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('has the signature of the example in the specification', () => {
    const headers = signatureHeaders(
      { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body: '{"test": 2432232314}' },
      ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    );
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  test('with two secrets is verified with each of them, and with no other secret', () => {
    const headers = signed([secret, other]);
    for (const own of [secret, other]) {
      expect(new Webhook(own).verify(body, headers)).toEqual(JSON.parse(body));
      expect(check(headers, { secrets: [own] })).toEqual({ kind: 'verified', id });
    }
    expect(() => new Webhook(newWebhookSecret()).verify(body, headers)).toThrow('No matching signature');
    expect(check(headers, { secrets: [newWebhookSecret()] })).toMatchObject({ kind: 'refused' });
  });

  test('is refused when its id, its time or its body was changed', () => {
    const headers = signed([secret]);
    for (const [changed, text] of [
      [{ ...headers, 'webhook-id': 'acme:support-bot:live:18' }, body],
      [{ ...headers, 'webhook-timestamp': String(now() - 1) }, body],
      [headers, body.replace('1', '2')],
    ] as const) {
      expect(() => new Webhook(secret).verify(text, changed)).toThrow('No matching signature');
      expect(check(changed, { text })).toEqual({ kind: 'refused', reason: 'no signature matches' });
    }
  });

  test('cannot have an id with a dot, because one signature would then fit two messages', () => {
    expect(() => signed([secret], { id: 'a.b' })).toThrow('dot');
  });

  test('requires a valid secret, and an error does not contain that secret', () => {
    expect(() => signed(['whsec_short'])).toThrow('a webhook cannot be signed: its secret is invalid');
  });
});

describe('a message that the Standard Webhooks library has signed', () => {
  test('is verified by the product, byte for byte', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const wellFormed = text.toWellFormed();
        const at = new Date(now() * 1_000);
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': String(now()),
          'webhook-signature': new Webhook(secret).sign(id, at, wellFormed),
        };
        expect(check(headers, { text: wellFormed })).toEqual({ kind: 'verified', id });
      }),
    );
  });

  test('is verified among signatures of other versions and of other secrets', () => {
    const headers = signed([other, secret]);
    const many = `v1a,${randomBytes(64).toString('base64')} v2,x ${headers['webhook-signature']}`;
    expect(check({ ...headers, 'webhook-signature': many })).toEqual({ kind: 'verified', id });
  });

  test('is refused when its signature comes after too many other signatures', () => {
    const headers = signed([secret]);
    const many = `${'v1,x '.repeat(1_000)}${headers['webhook-signature']}`;
    expect(check({ ...headers, 'webhook-signature': many })).toMatchObject({ kind: 'refused' });
  });
});

test.each([
  [-301, 'refused'],
  [-300, 'verified'],
  [300, 'verified'],
  [301, 'refused'],
])('a message whose timestamp is %i seconds from now is %s', (seconds, kind) => {
  const timestamp = 1_800_000_000;
  const headers = signed([secret], { timestamp });
  expect(check(headers, { nowMs: (timestamp - seconds) * 1_000 })).toMatchObject({ kind });
});

test.each([
  ['without an id', { 'webhook-id': undefined }],
  ['with an empty id', { 'webhook-id': '' }],
  ['with a dot in its id', { 'webhook-id': 'a.b' }],
  ['without a timestamp', { 'webhook-timestamp': undefined }],
  ['with an invalid timestamp', { 'webhook-timestamp': 'now' }],
  ['with a timestamp in another spelling', { 'webhook-timestamp': `0${now()}` }],
  ['with a timestamp beyond all clocks', { 'webhook-timestamp': '9'.repeat(400) }],
  ['without a signature', { 'webhook-signature': undefined }],
  ['with an empty signature', { 'webhook-signature': '' }],
  ['with a signature of no bytes', { 'webhook-signature': 'v1,' }],
  ['with a signature of too many bytes', { 'webhook-signature': `v1,${randomBytes(33).toString('base64')}` }],
  ['with two headers of one name', { 'webhook-signature': [signed([secret])['webhook-signature']!, 'v1,x'] }],
])('a message %s is refused without an exception', (_what, over) => {
  expect(check({ ...signed([secret]), ...over } as Record<string, string>)).toMatchObject({
    kind: 'refused',
  });
});

describe('a webhook secret', () => {
  test('that the product creates has 32 random bytes', () => {
    const made = Array.from({ length: 100 }, newWebhookSecret);
    expect(new Set(made).size).toBe(100);
    for (const one of made) expect(webhookKey(one)).toHaveLength(32);
  });

  test.each([
    ['without its prefix', randomBytes(32).toString('base64')],
    ['too short', `whsec_${randomBytes(23).toString('base64')}`],
    ['too long', `whsec_${randomBytes(65).toString('base64')}`],
    ['in another alphabet', `whsec_${Buffer.alloc(32, 0xff).toString('base64url')}`],
    ['with a space in it', `whsec_ ${randomBytes(32).toString('base64')}`],
    ['with bits that mean nothing', `whsec_${'A'.repeat(42)}B=`],
    ['that is empty', ''],
  ])('%s is invalid', (_what, text) => {
    expect(webhookKey(text)).toBeNull();
    expect(() => check(signed([secret]), { secrets: [text] })).toThrow('the configured secret is invalid');
  });
});
