import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { hashToken } from '../config/settings.ts';
import { type Home, writeWhole } from './home.ts';

/** The token that may do everything, as the stack knows it. */
export interface AdminToken {
  /** All that the API is told. */
  readonly sha256: string;
  /** Null when only its hash is known: whoever was shown it has removed the copy. */
  readonly token: string | null;
  readonly origin: 'made now' | 'kept' | 'given';
}

/**
 * The admin token: the one given, or the home's own, made when there is none. The stack goes by its hash, in `admin-token.sha256`. The
 * token itself lies beside it in `admin-token`, as the credential of the command line on this machine; it may be removed, and removing both
 * makes a new one at the next start. A given one is not kept, and voids the home's own.
 */
export async function adminToken(home: Home, given: string | null): Promise<AdminToken> {
  const [plain, hashed] = [adminTokenFile(home), join(home.path, 'admin-token.sha256')];
  const kept = await read(plain);
  if (given !== null) {
    if (kept !== given) await rm(plain, { force: true });
    await rm(hashed, { force: true });
    return { sha256: hashToken(given), token: given, origin: 'given' };
  }
  const sha256 = await read(hashed);
  if (sha256 !== '') return { sha256, token: hashToken(kept) === sha256 ? kept : null, origin: 'kept' };
  const token = kept === '' ? `ptm_${randomBytes(32).toString('base64url')}` : kept;
  await writeWhole(plain, token);
  await writeWhole(hashed, hashToken(token));
  return { sha256: hashToken(token), token, origin: kept === '' ? 'made now' : 'kept' };
}

export function adminTokenFile(home: Home): string {
  return join(home.path, 'admin-token');
}

async function read(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).trim();
}
