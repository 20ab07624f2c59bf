import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';

import type { SealedUnder } from '@pointsman/protocol/sealed-under';

/**
 * The object that a secret belongs to. A secret that was encrypted for one owner can't be decrypted for another, even
 * if its ciphertext is copied to the other owner's row.
 */
export type SecretOwner =
  | { readonly tenant: string; readonly hook: string; readonly field: 'secret' | 'token' }
  | { readonly tenant: string; readonly sink: string; readonly field: 'secret' };

/**
 * Encrypts and decrypts secrets that are later needed in plaintext. They can't be stored as hashes, because creating
 * or verifying a signature requires the secret itself.
 */
export interface SecretBox {
  seal(plain: string, owner: SecretOwner): string;
  /** Decrypts a secret. Throws SecretLostError if the secret can't be decrypted. */
  open(sealed: string, owner: SecretOwner): string;
  sealedUnder(sealed: string): SealedUnder;
  /**
   * Returns a keyed hash of a secret. Two secrets are equal if their hashes are equal. Without the key, the hash
   * reveals nothing about the secret.
   */
  fingerprint(plain: string): string;
}

/**
 * Thrown when a secret can't be decrypted. It was encrypted with an unknown key or for another owner, or the
 * ciphertext was changed.
 */
export class SecretLostError extends Error {
  override name = 'SecretLostError';
}

export interface SecretKeys {
  /** The key of 32 bytes that encrypts all new secrets. */
  readonly current: Buffer;
  /**
   * The key of 32 bytes that was used before the last key rotation. It only decrypts. It is null if there is no such
   * key.
   */
  readonly previous: Buffer | null;
}

/**
 * Creates a secret box that uses AES-256-GCM (NIST SP 800-38D) with the operator's key. The ID of the key is stored
 * with each secret, so that the key can be rotated. A key may encrypt at most 2^32 secrets, because the nonces are
 * random and have 96 bits (section 8.3).
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

/** Returns the ID of a key. The ID does not reveal the key. */
function keyId(key: Buffer): string {
  return createHash('sha256').update('pointsman key id\0').update(key).digest('hex').slice(0, 16);
}

// Returns the additional authenticated data, which binds a secret to its owner. It is different for each owner,
// because names contain no NUL. The format must not change, because existing secrets could then not be decrypted.
function authenticatedData(owner: SecretOwner): Buffer {
  const { tenant, field } = owner;
  const parts =
    'hook' in owner ? ['pointsman hook', tenant, owner.hook] : ['pointsman sink', tenant, owner.sink];
  return Buffer.from([...parts, field].join('\0'));
}
