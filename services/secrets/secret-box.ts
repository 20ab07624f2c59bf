import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';

/** What a secret belongs to. Sealed for one thing, it can't be opened as another's, whoever copies it there. */
export type Belonging =
  | { readonly tenant: string; readonly hook: string; readonly field: 'secret' | 'token' }
  | { readonly tenant: string; readonly sink: string; readonly field: 'secret' };

/** Under which of the keys something is sealed. `lost`: under none that this process was given. */
export type SealedUnder = 'current' | 'previous' | 'lost';

/** Keeps secrets that must be had again in plain: a signature is checked with the secret itself, and no hash of it would do. */
export interface SecretBox {
  seal(plain: string, belonging: Belonging): string;
  /** Throws SecretLostError when it can't be opened. */
  open(sealed: string, belonging: Belonging): string;
  sealedUnder(sealed: string): SealedUnder;
  /** Tells two secrets apart, and tells nobody who has not the key what they are. */
  fingerprint(plain: string): string;
}

/** What was sealed under a key that this process was not given, or for something else, or was changed since. */
export class SecretLostError extends Error {
  override name = 'SecretLostError';
}

export interface SecretKeys {
  /** 32 bytes, with which everything new is sealed. */
  readonly current: Buffer;
  /** What was sealed before the last rotation. */
  readonly previous: Buffer | null;
}

/**
 * AES-256-GCM (NIST SP 800-38D) under a key of the operator's, with the id of the key beside, so that keys can change. A random nonce of
 * 96 bits is good for 2^32 secrets under one key (section 8.3).
 */
export function secretBox({ current, previous }: SecretKeys): SecretBox {
  const keys = new Map([previous ?? current, current].map((key) => [keyId(key), key]));
  const currentId = keyId(current);
  return {
    seal(plain, belonging) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, current, nonce).setAAD(boundTo(belonging));
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return [VERSION, currentId, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
    },
    open(sealed, belonging) {
      const [version, id = '', nonce = '', content = ''] = sealed.split('.');
      const key = keys.get(id);
      if (version !== VERSION || key === undefined) {
        throw new SecretLostError(`sealed under the key ${id}, which POINTSMAN_SECRET_KEY is not`);
      }
      const bytes = Buffer.from(content, 'base64url');
      try {
        const decipher = createDecipheriv(CIPHER, key, Buffer.from(nonce, 'base64url'), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(boundTo(belonging)).setAuthTag(bytes.subarray(-TAG_BYTES));
        return decipher.update(bytes.subarray(0, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
      } catch (cause) {
        throw new SecretLostError('not what was sealed for this', { cause });
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

/** Names a key and tells nothing of it. */
function keyId(key: Buffer): string {
  return createHash('sha256').update('pointsman key id\0').update(key).digest('hex').slice(0, 16);
}

// No name has a NUL in it, so that no two things are spelled the same. What is sealed was sealed under these words: they stay as they are.
function boundTo(belonging: Belonging): Buffer {
  const { tenant, field } = belonging;
  const owner =
    'hook' in belonging
      ? ['pointsman hook', tenant, belonging.hook]
      : ['pointsman sink', tenant, belonging.sink];
  return Buffer.from([...owner, field].join('\0'));
}
