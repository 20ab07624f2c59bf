import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Puts a file where it is to be, whole or not at all: written beside, synced, then renamed. Killed in between, it leaves something in
 * `scratch` that the sweep takes away. The folder that it is put into still has to be synced, once for all that was put there.
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

/** Makes durable which files a folder has. */
export async function syncFolder(path: string): Promise<void> {
  // Windows opens no folders, and renames durably enough without.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
