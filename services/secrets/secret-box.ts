import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';

import type { SealedUnder } from '@pointsman/protocol/sealed-under';

/**
 * Identifies the owner of a secret. A secret that was encrypted for one owner can't be decrypted for another, even if
 * its ciphertext is copied there.
 */
export type SecretOwner =
  | { readonly tenant: string; readonly hook: string; readonly field: 'secret' | 'token' }
  | { readonly tenant: string; readonly sink: string; readonly field: 'secret' };

/**
 * Encrypts secrets that are needed in plaintext. A hash is not enough, because verifying a signature requires the
 * secret itself.
 */
export interface SecretBox {
  seal(plain: string, owner: SecretOwner): string;
  /** Decrypts a secret. Throws SecretLostError if that is impossible. */
  open(sealed: string, owner: SecretOwner): string;
  sealedUnder(sealed: string): SealedUnder;
  /** Returns a value that shows whether two secrets are equal. It reveals nothing without the key. */
  fingerprint(plain: string): string;
}

/** Thrown when a secret was encrypted with an unknown key or for another owner, or was changed afterwards. */
export class SecretLostError extends Error {
  override name = 'SecretLostError';
}

export interface SecretKeys {
  /** The key of 32 bytes that encrypts all new secrets. */
  readonly current: Buffer;
  /** The key that decrypts secrets from before the last key rotation. */
  readonly previous: Buffer | null;
}

/**
 * Encrypts with AES-256-GCM (NIST SP 800-38D) and the operator's key. The key's ID is stored with the secret, so that
 * keys can be rotated. A random nonce of 96 bits is safe for 2^32 secrets per key (section 8.3).
 */
export function secretBox({ current, previous }: SecretKeys): SecretBox {
  const keys = new Map([previous ?? current, current].map((key) => [keyId(key), key]));
  const currentId = keyId(current);
  return {
    seal(plain, owner) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, current, nonce).setAAD(authenticatedData(owner));
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return [VERSION, currentId, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
    },
    open(sealed, owner) {
      const [version, id = '', nonce = '', content = ''] = sealed.split('.');
      const key = keys.get(id);
      if (version !== VERSION || key === undefined) {
        throw new SecretLostError(`encrypted with the key ${id}, which differs from POINTSMAN_SECRET_KEY`);
      }
      const bytes = Buffer.from(content, 'base64url');
      try {
        const decipher = createDecipheriv(CIPHER, key, Buffer.from(nonce, 'base64url'), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(authenticatedData(owner)).setAuthTag(bytes.subarray(-TAG_BYTES));
        return decipher.update(bytes.subarray(0, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
      } catch (cause) {
        throw new SecretLostError('the secret belongs to another owner, or was changed', { cause });
      }
    },
    sealedUnder(sealed) {
      const id = sealed.split('.')[1] ?? '';
      if (id === currentId) return 'current';
      return keys.has(id) ? 'previous' : 'lost';
    },
    fingerprint: (plain) =>
      createHmac('sha256', current).update('pointsman fingerprint\0').update(plain).digest('hex'),
  };
}

const VERSION = 'v1';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Returns an ID for a key, which does not reveal the key. */
function keyId(key: Buffer): string {
  return createHash('sha256').update('pointsman key id\0').update(key).digest('hex').slice(0, 16);
}

// The text that binds a secret to its owner. Names contain no NUL, so the texts of two owners always differ. Existing
// secrets are encrypted with this text, so its format must not change.
function authenticatedData(owner: SecretOwner): Buffer {
  const { tenant, field } = owner;
  const parts =
    'hook' in owner ? ['pointsman hook', tenant, owner.hook] : ['pointsman sink', tenant, owner.sink];
  return Buffer.from([...parts, field].join('\0'));
}
