import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Writes a file atomically: writes and syncs a temporary file, then renames it. If the process is killed in
 * between, the temporary file remains, and a later cleanup deletes it. After all files are written, the
 * caller must also sync the target folder once.
 */
export async function putWhole(path: string, content: Uint8Array | string, scratch: string): Promise<void> {
  const half = join(scratch, randomUUID());
  try {
    const file = await open(half, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(half, path);
  } catch (error) {
    await rm(half, { force: true }).catch(() => {});
    throw error;
  }
}

/** Syncs a folder, so that files that were created or renamed in it survive a power failure. */
export async function syncFolder(path: string): Promise<void> {
  // Windows can't open a folder for a sync. Its renames are durable enough without one.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
