import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { readManifest } from '@pointsman/protocol/artifacts/oci-manifest';
import { blobsIn, scratchIn } from './blob-folder.ts';
import { pointersIn, readLastGood } from './last-good.ts';
import { followLimits } from '../limits.ts';

/**
 * Deletes old temporary files, and old blobs that no pointer in this folder needs. A blob that a process is
 * about to use is not old, because the process has just written it or updated its modification time. If it is
 * deleted anyway, it is fetched again. Never rejects, because a failed cleanup only costs disk space.
 */
export async function sweepFolder(folder: string, nowMs: number): Promise<void> {
  const needed = await neededBlobs(folder);
  if (needed === null) return;
  await removeOld(scratchIn(folder), nowMs, () => true);
  await removeOld(blobsIn(folder), nowMs, (name) => !needed.has(`sha256:${name}`));
}

async function removeOld(folder: string, nowMs: number, isUnused: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!isUnused(name)) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => null);
    if (info !== null && nowMs - info.mtimeMs > followLimits.unusedMs)
      await rm(path, { force: true }).catch(() => {});
  }
}

/**
 * Returns the digests of the blobs that the pointers in this folder need. Returns null if the pointers can't
 * be listed. The caller must then delete nothing.
 */
async function neededBlobs(folder: string): Promise<Set<string> | null> {
  const needed = new Set<string>();
  const entries = await readdir(pointersIn(folder), { recursive: true, withFileTypes: true }).catch(
    () => null,
  );
  if (entries === null) return null;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const good = await readLastGood(join(entry.parentPath, entry.name));
    if (good === null) continue;
    needed.add(good.digest);
    const manifest = await readFile(join(blobsIn(folder), good.digest.slice('sha256:'.length))).catch(
      () => null,
    );
    const read = manifest === null ? null : readManifest(manifest);
    if (read?.kind === 'manifest') for (const { digest } of read.blobs) needed.add(digest);
  }
  return needed;
}
