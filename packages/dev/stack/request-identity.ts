import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base58 } from '../../../core/base58.ts';
import { writeAtomically, type DataDir } from './data-dir.ts';

/**
 * The key pair that protects the worker. Restate signs its calls with the private key. The worker therefore
 * rejects calls of other processes on the machine.
 */
export interface RequestIdentity {
  /** The path of the PEM file with the private key: an ed25519 key in PKCS#8 format. */
  readonly pemFile: string;
  /** The public key in the format that the worker expects: `publickeyv1_…`. */
  readonly publicKey: string;
}

/**
 * Returns the key pair of the data directory. Creates it if it does not exist. Only the private key is stored,
 * and the public key is derived from it. If the stored key is invalid, throws an error: replacing the key
 * could hide that someone has manipulated it.
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
