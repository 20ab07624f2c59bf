import { access, mkdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

import type { NamedBlob } from '../../core/oci-manifest.ts';
import { isBlob } from './artifact-plan.ts';
import { putWhole, syncFolder } from './durable-file.ts';
import { inParallel } from './in-parallel.ts';
import { followLimits } from './limits.ts';

/** Where blobs and half-written files of a folder are. */
export function blobsIn(folder: string): string {
  return join(folder, 'blobs');
}
export function scratchIn(folder: string): string {
  return join(folder, 'tmp');
}

/** Content under its own name on disk. Several processes may share it: the same name is the same bytes, whoever writes them. */
export interface BlobFolder {
  /** The blob, if it is there and is what its name says. A damaged one is as good as none: it is overwritten by the next put. */
  find(blob: NamedBlob): Promise<Uint8Array | null>;
  /** The same without knowing its size. */
  findAtMost(digest: string, bytes: number): Promise<Uint8Array | null>;
  /** Durable when it resolves. Rejects when the disk does not take them. */
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
      // Not there, or a disk that cannot read it: both mean that it has to be fetched.
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
        if (await isKept({ digest, size: content.byteLength }, path)) return;
        await putWhole(path, content, scratchIn(folder));
      });
      await syncFolder(blobs);
    },
  };
}

/** Whether it need not be written. It is read for that: what was damaged would stay so for ever. Used again, it is young again. */
async function isKept(blob: NamedBlob, path: string): Promise<boolean> {
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
