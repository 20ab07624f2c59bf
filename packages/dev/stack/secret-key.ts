import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { SecretKeys } from '../../../services/secrets/secret-box.ts';
import { type DataDir, writeAtomically } from './data-dir.ts';

/**
 * Returns the environment variables with the encryption keys for the secrets of hooks. These are the
 * configured keys, or the key in the file `secret-key` of the data directory. If that file does not exist, it
 * is created, readable only by its owner.
 *
 * If a key is configured and a key is stored too, the stored one is still used to decrypt older data. If the
 * stored key is invalid, throws an error: replacing the key would make every secret unreadable.
 */
export async function secretKeySettings(
  dataDir: DataDir,
  given: SecretKeys | null,
): Promise<Readonly<Record<string, string>>> {
  const file = join(dataDir.path, 'secret-key');
  const stored = await storedKey(file);
  if (given !== null) {
    const previous = given.previous ?? (stored?.equals(given.current) === false ? stored : null);
    return settings(given.current, previous);
  }
  if (stored !== null) return settings(stored, null);
  const made = randomBytes(32);
  await writeAtomically(file, made.toString('base64'));
  return settings(made, null);
}

async function storedKey(file: string): Promise<Buffer | null> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length === 32) return key;
  throw new Error(
    `${file} does not contain a 32-byte key in base64. Restore it, or delete it and set every hook's secret again.`,
  );
}

function settings(current: Buffer, previous: Buffer | null): Record<string, string> {
  return {
    POINTSMAN_SECRET_KEY: current.toString('base64'),
    POINTSMAN_SECRET_KEY_PREVIOUS: previous?.toString('base64') ?? '',
  };
}
