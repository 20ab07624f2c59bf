import { createHmac } from 'node:crypto';

import { sign, verify } from '@octokit/webhooks-methods';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';

import type { HookProvider } from '../../../packages/protocol/hook.ts';
import { isSigned } from '../../../services/hooks/signature.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';

const secret = 'a secret of sixteen';
const body = '{"ref":"refs/heads/main","text":"Größe ✓"}';
const bytes = Buffer.from(body);
const signed = (provider: HookProvider, key: string, headers: Headers, content: Uint8Array, nowMs?: number) =>
  isSigned(provider, key, { headers, body: content }, nowMs);
const header = (name: string, value: string) => new Headers({ [name]: value });

describe('the signature of a GitHub delivery', () => {
  test('is accepted from the GitHub library, and refused for another secret or body', async () => {
    const signature = await sign(secret, body);
    expect(signed('github', secret, header('x-hub-signature-256', signature), bytes)).toBe(true);
    expect(signed('github', 'another secret', header('x-hub-signature-256', signature), bytes)).toBe(false);
    expect(signed('github', secret, header('x-hub-signature-256', signature), Buffer.from(`${body} `))).toBe(
      false,
    );
  });

  test('is accepted for any body and secret exactly when GitHub’s library accepts it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, unit: 'grapheme' }),
        fc.string({ minLength: 1 }),
        async (text, key) => {
          const signature = `sha256=${createHmac('sha256', key).update(text).digest('hex')}`;
          expect(await verify(key, text, signature)).toBe(true);
          expect(signed('github', key, header('x-hub-signature-256', signature), Buffer.from(text))).toBe(
            true,
          );
        },
      ),
      { numRuns: 50 },
    );
  });

  test.each([
    '',
    'sha256=',
    `sha256=${'0'.repeat(64)}`,
    `sha256=${'0'.repeat(63)}`,
    `sha1=${'0'.repeat(40)}`,
    '0'.repeat(64),
    'sha256=zz',
  ])('is refused when its header is "%s"', (signature) => {
    expect(signed('github', secret, header('x-hub-signature-256', signature), bytes)).toBe(false);
  });

  test('is required, and the header of another provider does not replace it', async () => {
    expect(signed('github', secret, new Headers(), bytes)).toBe(false);
    expect(signed('github', secret, header('x-gitlab-token', secret), bytes)).toBe(false);
    expect(signed('github', secret, header('webhook-signature', await sign(secret, body)), bytes)).toBe(
      false,
    );
  });
});

describe('the signature of a GitLab delivery', () => {
  test('must be the secret itself', () => {
    expect(signed('gitlab', secret, header('x-gitlab-token', secret), bytes)).toBe(true);
    expect(signed('gitlab', secret, header('x-gitlab-token', `${secret}x`), bytes)).toBe(false);
    expect(signed('gitlab', secret, header('x-gitlab-token', ''), bytes)).toBe(false);
    expect(signed('gitlab', secret, new Headers(), bytes)).toBe(false);
  });

  test('cannot be replaced by a GitHub signature', async () => {
    expect(signed('gitlab', secret, header('x-hub-signature-256', await sign(secret, body)), bytes)).toBe(
      false,
    );
  });
});

describe('the signature of a generic hook delivery', () => {
  const key = newWebhookSecret();
  const now = new Date('2026-11-29T12:00:00Z');
  const minute = 60_000;

  /** Headers as a library of Standard Webhooks signs them. */
  function headersOf(over: Record<string, string> = {}, { id = 'msg_1', at = now, by = key } = {}): Headers {
    return new Headers({
      'webhook-id': id,
      'webhook-timestamp': String(at.getTime() / 1_000),
      'webhook-signature': new Webhook(by).sign(id, at, body),
      ...over,
    });
  }
  const isTaken = (headers: Headers, nowMs = now.getTime(), content: Uint8Array = bytes) =>
    signed('generic', key, headers, content, nowMs);

  test('is accepted from the Standard Webhooks library, even among other signatures', () => {
    expect(isTaken(headersOf())).toBe(true);
    const own = new Webhook(key).sign('msg_1', now, body);
    expect(isTaken(headersOf({ 'webhook-signature': `v1a,abc v1,${'A'.repeat(43)}= ${own}` }))).toBe(true);
  });

  test('covers the body, the id and the time, so an intercepted push cannot be changed', () => {
    expect(isTaken(headersOf(), now.getTime(), Buffer.from(`${body} `))).toBe(false);
    expect(isTaken(headersOf({ 'webhook-id': 'msg_2' }))).toBe(false);
    expect(isTaken(headersOf({ 'webhook-timestamp': String(now.getTime() / 1_000 + 1) }))).toBe(false);
  });

  test.each([-6, 6])('is refused when the clock differs from its time by %d minutes', (minutes) => {
    expect(isTaken(headersOf(), now.getTime() + minutes * minute)).toBe(false);
    expect(isTaken(headersOf(), now.getTime() + (minutes / 6) * 4 * minute)).toBe(true);
  });

  test.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])(
    'is refused without the header %s',
    (name) => {
      const headers = headersOf();
      headers.delete(name);
      expect(isTaken(headers)).toBe(false);
    },
  );

  test('is refused for another secret, for a secret in another form, and in the form of another provider', async () => {
    expect(isTaken(headersOf({}, { by: newWebhookSecret() }))).toBe(false);
    const signature = `v1,${createHmac('sha256', '')
      .update(`msg_1.${now.getTime() / 1_000}.`)
      .update(body)
      .digest('base64')}`;
    expect(
      signed('generic', secret, headersOf({ 'webhook-signature': signature }), bytes, now.getTime()),
    ).toBe(false);
    expect(isTaken(header('x-hub-signature-256', await sign(key, body)))).toBe(false);
    expect(signed('github', key, headersOf(), bytes, now.getTime())).toBe(false);
  });
});
