import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Writes a file atomically: writes and syncs a scratch file, then renames it. If the process is killed in
 * between, a scratch file remains, which the sweep deletes. The caller must also sync the target folder, once
 * after all files are written.
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

/** Makes the list of files in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  // Windows can't open folders, and its renames are durable enough without a sync.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
