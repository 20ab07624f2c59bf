import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { hashToken } from '../../../services/config/settings.ts';
import { type DataDir, writeAtomically } from './data-dir.ts';

/** The admin token of a stack (all processes of one local installation). */
export interface AdminToken {
  /** The SHA-256 hash of the token. The API gets only this hash. */
  readonly sha256: string;
  /**
   * The token itself. Null if only its hash is stored, because the user has deleted the file with the token.
   */
  readonly token: string | null;
  readonly origin: 'made now' | 'kept' | 'given';
}

/**
 * Returns the admin token: the configured one, or otherwise the token of the data directory, which is created
 * if it does not exist.
 *
 * The data directory stores its hash in `admin-token.sha256`, for the API. It stores the token itself in
 * `admin-token`, for the command line on this machine. The user may delete the second file. If both are
 * deleted, the next start creates a new token. A configured token is not stored, and the files of an earlier
 * token are deleted.
 */
export async function adminToken(dataDir: DataDir, given: string | null): Promise<AdminToken> {
  const [plain, hashed] = [adminTokenFile(dataDir), join(dataDir.path, 'admin-token.sha256')];
  const stored = await read(plain);
  if (given !== null) {
    if (stored !== given) await rm(plain, { force: true });
    await rm(hashed, { force: true });
    return { sha256: hashToken(given), token: given, origin: 'given' };
  }
  const sha256 = await read(hashed);
  if (sha256 !== '') return { sha256, token: hashToken(stored) === sha256 ? stored : null, origin: 'kept' };
  const token = stored === '' ? `ptm_${randomBytes(32).toString('base64url')}` : stored;
  await writeAtomically(plain, token);
  await writeAtomically(hashed, hashToken(token));
  return { sha256: hashToken(token), token, origin: stored === '' ? 'made now' : 'kept' };
}

export function adminTokenFile(dataDir: DataDir): string {
  return join(dataDir.path, 'admin-token');
}

async function read(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).trim();
}
