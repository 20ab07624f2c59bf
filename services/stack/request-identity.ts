import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base58 } from '../../core/base58.ts';
import { writeWhole, type Home } from './home.ts';

/** By what the worker knows the calls of this home's Restate from those of any other process on the machine. */
export interface RequestIdentity {
  /** The private half, with which Restate signs its calls: an ed25519 key as PKCS#8 in PEM. */
  readonly pemFile: string;
  /** The public half, as the worker takes it: `publickeyv1_…`. */
  readonly publicKey: string;
}

/**
 * The home's own identity, made when there is none. Only the private half is kept; the public one follows from it. Throws when
 * what is kept is no such key: another in its place could hide that somebody changed it.
 */
export async function requestIdentity(home: Home): Promise<RequestIdentity> {
  const pemFile = join(home.path, 'request-identity.pem');
  let pem = await readFile(pemFile, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  });
  if (pem.trim() === '') {
    const { privateKey } = generateKeyPairSync('ed25519');
    pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    await writeWhole(pemFile, pem.trimEnd());
  }
  return { pemFile, publicKey: `publickeyv1_${base58(rawPublicKey(privateKeyOf(pem, pemFile)))}` };
}

function privateKeyOf(pem: string, pemFile: string): KeyObject {
  const key = parsePem(pem);
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new Error(`${pemFile} holds no ed25519 key. Remove it to have one made.`);
}

function parsePem(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return Buffer.from(x as string, 'base64url');
}
