import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { SecretKeys } from '../secrets/secret-box.ts';
import { type Home, writeWhole } from './home.ts';

/**
 * The keys with which the secrets of hooks are kept, as settings of the processes that need them: those given, or the home's own, which is
 * made when there is none and lies in `secret-key`, readable by its owner alone. Where one is given, what was kept with the home's own can
 * still be read. Throws when what is kept is no such key: another in its place would lose every secret.
 */
export async function secretKeySettings(
  home: Home,
  given: SecretKeys | null,
): Promise<Readonly<Record<string, string>>> {
  const file = join(home.path, 'secret-key');
  const kept = await keptKey(file);
  if (given !== null) {
    const previous = given.previous ?? (kept?.equals(given.current) === false ? kept : null);
    return settings(given.current, previous);
  }
  if (kept !== null) return settings(kept, null);
  const made = randomBytes(32);
  await writeWhole(file, made.toString('base64'));
  return settings(made, null);
}

async function keptKey(file: string): Promise<Buffer | null> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length === 32) return key;
  throw new Error(
    `${file} holds no key of 32 bytes in base64. Restore it, or remove it and set every hook's secret again.`,
  );
}

function settings(current: Buffer, previous: Buffer | null): Record<string, string> {
  return {
    POINTSMAN_SECRET_KEY: current.toString('base64'),
    POINTSMAN_SECRET_KEY_PREVIOUS: previous?.toString('base64') ?? '',
  };
}
