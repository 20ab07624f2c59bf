import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base58 } from '../../../core/base58.ts';
import { writeAtomically, type DataDir } from './data-dir.ts';

/**
 * The key pair by which the worker distinguishes calls of its own Restate from those of other processes on
 * the machine.
 */
export interface RequestIdentity {
  /** The private key with which Restate signs its calls: an ed25519 key as PKCS#8 in PEM. */
  readonly pemFile: string;
  /** The public key in the worker's format: `publickeyv1_…`. */
  readonly publicKey: string;
}

/**
 * The identity of the data directory, which is created if it does not exist. Only the private key is stored;
 * the public one is derived from it. Throws when the stored key is invalid: replacing it could hide a
 * manipulation.
 */
export async function requestIdentity(dataDir: DataDir): Promise<RequestIdentity> {
  const pemFile = join(dataDir.path, 'request-identity.pem');
  let pem = await readFile(pemFile, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  });
  if (pem.trim() === '') {
    const { privateKey } = generateKeyPairSync('ed25519');
    pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    await writeAtomically(pemFile, pem.trimEnd());
  }
  return { pemFile, publicKey: `publickeyv1_${base58(rawPublicKey(privateKeyOf(pem, pemFile)))}` };
}

function privateKeyOf(pem: string, pemFile: string): KeyObject {
  const key = parsePem(pem);
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new Error(`${pemFile} does not contain an ed25519 key. Delete it to create a new one.`);
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
