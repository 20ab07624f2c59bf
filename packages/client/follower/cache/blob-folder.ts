import { access, mkdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

import type { NamedBlob } from '@pointsman/protocol/artifacts/oci-manifest';
import { isBlob } from './artifact-plan.ts';
import { putWhole, syncFolder } from './durable-file.ts';
import { inParallel } from './in-parallel.ts';
import { followLimits } from '../limits.ts';

/**
 * Returns the path of the folder for complete blobs. Partly written files are in a separate folder for
 * temporary files.
 */
export function blobsIn(folder: string): string {
  return join(folder, 'blobs');
}
export function scratchIn(folder: string): string {
  return join(folder, 'tmp');
}

/**
 * Content-addressed files on disk. The name of a file determines its content, so several processes may share
 * the folder.
 */
export interface BlobFolder {
  /**
   * Returns the blob if it is on disk and matches its digest, otherwise null. A damaged blob counts as
   * missing, and the next call of `put` overwrites it.
   */
  find(blob: NamedBlob): Promise<Uint8Array | null>;
  /** Does the same as `find`, for a blob of unknown size. The blob must not be larger than `bytes`. */
  findAtMost(digest: string, bytes: number): Promise<Uint8Array | null>;
  /**
   * Writes the blobs durably. The promise resolves when they are on disk, and rejects if a disk write fails.
   */
  put(blobs: ReadonlyMap<string, Uint8Array>): Promise<void>;
}

export function blobFolder(folder: string): BlobFolder {
  const blobs = blobsIn(folder);
  const pathOf = (digest: string): string => join(blobs, digest.slice('sha256:'.length));
  const read = async (digest: string, maxBytes: number): Promise<Uint8Array | null> => {
    try {
      const path = pathOf(digest);
      const { size } = await stat(path);
      if (size > maxBytes) return null;
      const content = await readFile(path);
      return isBlob({ digest, size }, content) ? content : null;
    } catch {
      // The file is missing or unreadable. The caller fetches the blob in both cases.
      return null;
    }
  };
  return {
    async find({ digest, size }) {
      const content = await read(digest, size);
      return content?.byteLength === size ? content : null;
    },
    findAtMost: read,
    async put(contents) {
      await mkdir(scratchIn(folder), { recursive: true });
      await mkdir(blobs, { recursive: true });
      await inParallel([...contents], followLimits.writes, async ([digest, content]) => {
        const path = pathOf(digest);
        if (await isIntact({ digest, size: content.byteLength }, path)) return;
        await putWhole(path, content, scratchIn(folder));
      });
      await syncFolder(blobs);
    },
  };
}

/**
 * Returns whether the blob is already on disk and intact. Reads and verifies the whole file; otherwise a
 * damaged file would never be replaced. Updates the file's modification time, so that the cleanup of unused
 * files keeps it.
 */
async function isIntact(blob: NamedBlob, path: string): Promise<boolean> {
  try {
    await access(path);
    if (!isBlob(blob, await readFile(path))) return false;
    const now = new Date();
    await utimes(path, now, now);
    return true;
  } catch {
    return false;
  }
}
