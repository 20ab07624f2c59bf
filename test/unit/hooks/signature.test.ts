import { createHmac } from 'node:crypto';

import { sign, verify } from '@octokit/webhooks-methods';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isSigned } from '../../../services/hooks/signature.ts';

const secret = 'a secret of sixteen';
const body = '{"ref":"refs/heads/main","text":"Größe ✓"}';
const bytes = Buffer.from(body);
const header = (name: string, value: string) => new Headers({ [name]: value });

describe('GitHub', () => {
  test('what GitHub’s own library signs is signed, and what it would not take is not', async () => {
    const signature = await sign(secret, body);
    expect(isSigned('github', secret, header('x-hub-signature-256', signature), bytes)).toBe(true);
    expect(isSigned('github', 'another secret', header('x-hub-signature-256', signature), bytes)).toBe(false);
    expect(
      isSigned('github', secret, header('x-hub-signature-256', signature), Buffer.from(`${body} `)),
    ).toBe(false);
  });

  test('any body and secret: we and GitHub’s library agree', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, unit: 'grapheme' }),
        fc.string({ minLength: 1 }),
        async (text, key) => {
          const signature = `sha256=${createHmac('sha256', key).update(text).digest('hex')}`;
          expect(await verify(key, text, signature)).toBe(true);
          expect(isSigned('github', key, header('x-hub-signature-256', signature), Buffer.from(text))).toBe(
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
  ])('"%s" is no signature', (signature) => {
    expect(isSigned('github', secret, header('x-hub-signature-256', signature), bytes)).toBe(false);
  });

  test('none is none, and another provider’s is none', async () => {
    expect(isSigned('github', secret, new Headers(), bytes)).toBe(false);
    expect(isSigned('github', secret, header('x-gitlab-token', secret), bytes)).toBe(false);
    expect(
      isSigned('github', secret, header('x-pointsman-signature-256', await sign(secret, body)), bytes),
    ).toBe(false);
  });
});

describe('GitLab', () => {
  test('sends the secret itself', () => {
    expect(isSigned('gitlab', secret, header('x-gitlab-token', secret), bytes)).toBe(true);
    expect(isSigned('gitlab', secret, header('x-gitlab-token', `${secret}x`), bytes)).toBe(false);
    expect(isSigned('gitlab', secret, header('x-gitlab-token', ''), bytes)).toBe(false);
    expect(isSigned('gitlab', secret, new Headers(), bytes)).toBe(false);
  });

  test('is not taken at GitHub’s word', async () => {
    expect(isSigned('gitlab', secret, header('x-hub-signature-256', await sign(secret, body)), bytes)).toBe(
      false,
    );
  });
});

test('a generic hook is signed as GitHub signs, under a header of ours', async () => {
  const signature = await sign(secret, body);
  expect(isSigned('generic', secret, header('x-pointsman-signature-256', signature), bytes)).toBe(true);
  expect(isSigned('generic', secret, header('x-hub-signature-256', signature), bytes)).toBe(false);
});
