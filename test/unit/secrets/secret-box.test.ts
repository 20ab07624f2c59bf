import { randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type SecretOwner, secretBox, SecretLostError } from '../../../services/secrets/secret-box.ts';

const [current, other] = [randomBytes(32), randomBytes(32)];
const box = secretBox({ current, previous: null });
const mine = { tenant: 'acme', hook: 'main', field: 'secret' } as const;

test('an encrypted secret can be decrypted again', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
      (plain) => {
        expect(box.open(box.seal(plain, mine), mine)).toBe(plain);
      },
    ),
  );
});

test('encrypting a secret twice gives different texts, and neither text contains the secret', () => {
  const sealed = [box.seal('the secret itself', mine), box.seal('the secret itself', mine)];
  expect(new Set(sealed).size).toBe(2);
  for (const text of sealed)
    expect(Buffer.from(text.split('.')[3]!, 'base64url').toString('latin1')).not.toContain('secret');
});

test.each([
  ['tenant', { ...mine, tenant: 'evil' }],
  ['hook', { ...mine, hook: 'other' }],
  ['field', { ...mine, field: 'token' }],
  ['kind of object', { tenant: 'acme', sink: 'main', field: 'secret' }],
  ['name with the same joined parts', { ...mine, tenant: 'acme\0main', hook: '' }],
] as [string, SecretOwner][])(
  'a secret that was encrypted for one owner cannot be decrypted for another %s',
  (_what, belonging) => {
    expect(() => box.open(box.seal('x', mine), belonging)).toThrow(SecretLostError);
  },
);

test('a secret that was encrypted before sinks existed can be decrypted', () => {
  const key = Buffer.alloc(32, 7);
  const sealed = 'v1.6f15b50c4c5e1d58.Amju9eISFjxjWHjj.Zl34tYgijaHOHG0_8Vg-lkAuATsmtNy0lYhOsBSgNw';
  expect(secretBox({ current: key, previous: null }).open(sealed, mine)).toBe('sealed long ago');
});

test('a changed bit at any position of an encrypted secret is detected', () => {
  const sealed = box.seal('a secret', mine);
  const parts = sealed.split('.');
  for (const part of [2, 3]) {
    const bytes = Buffer.from(parts[part]!, 'base64url');
    for (let byte = 0; byte < bytes.length; byte++) {
      const changed = Buffer.from(bytes);
      changed[byte]! ^= 1;
      const text = parts.with(part, changed.toString('base64url')).join('.');
      expect(() => box.open(text, mine)).toThrow(SecretLostError);
    }
  }
});

test.each(['', 'v1', 'v1.x.y.z', 'v2.a.b.c', 'plain text'])(
  '"%s" is not a valid encrypted secret',
  (text) => {
    expect(() => box.open(text, mine)).toThrow(SecretLostError);
  },
);

test('an encrypted secret with a shortened authentication tag is refused, because that tag could be guessed', () => {
  const parts = box.seal('', mine).split('.');
  const tag = Buffer.from(parts[3]!, 'base64url');
  expect(tag).toHaveLength(16);
  expect(() => box.open(parts.with(3, tag.subarray(0, 4).toString('base64url')).join('.'), mine)).toThrow(
    SecretLostError,
  );
});

test('old secrets can be decrypted after one key rotation, but not after a second one, and new secrets use the new key', () => {
  const old = box.seal('a secret', mine);
  const rotated = secretBox({ current: other, previous: current });
  expect(rotated.open(old, mine)).toBe('a secret');
  const fresh = rotated.seal('a secret', mine);
  expect([rotated.sealedUnder(old), rotated.sealedUnder(fresh)]).toEqual(['previous', 'current']);
  const later = secretBox({ current: other, previous: null });
  expect(later.open(fresh, mine)).toBe('a secret');
  expect(later.sealedUnder(old)).toBe('lost');
  expect(() => later.open(old, mine)).toThrow(SecretLostError);
});

test('the fingerprints of two secrets differ, and depend on the encryption key', () => {
  expect(box.fingerprint('a')).toBe(box.fingerprint('a'));
  expect(box.fingerprint('a')).not.toBe(box.fingerprint('b'));
  expect(box.fingerprint('a')).not.toBe(secretBox({ current: other, previous: null }).fingerprint('a'));
});
