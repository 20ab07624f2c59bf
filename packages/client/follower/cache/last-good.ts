import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { Digest, Generation, type PointerId, Version } from '@pointsman/protocol/identifiers';
import { scratchIn } from './blob-folder.ts';
import { putWhole, syncFolder } from './durable-file.ts';

/** The last bundle that ran and is complete on disk. */
const LastGood = z.object({ generation: Generation.min(1), version: Version, digest: Digest });
export type LastGood = z.infer<typeof LastGood>;

/** The file name is the generation, padded to sixteen digits, so that names sort numerically. */
const NAME = /^([0-9]{16})\.json$/;

export function pointersIn(folder: string): string {
  return join(folder, 'pointers');
}

function folderOf(folder: string, { tenant, bundle, channel }: PointerId): string {
  return join(pointersIn(folder), tenant, bundle, channel);
}

/**
 * Returns the last good bundle of the pointer. Each generation has its own file, which is never changed, and
 * the highest generation counts. Two processes may share the folder. With a single file, a lagging process
 * could overwrite a newer generation.
 */
export async function findLastGood(folder: string, pointer: PointerId): Promise<LastGood | null> {
  const own = folderOf(folder, pointer);
  for (const name of await generationsIn(own)) {
    const found = await readLastGood(join(own, name));
    if (found !== null && nameOf(found.generation) === name) return found;
  }
  return null;
}

/**
 * Writes a last good bundle. It is durable when the promise resolves. All blobs of the artifact must already
 * be durable.
 */
export async function writeLastGood(folder: string, pointer: PointerId, good: LastGood): Promise<void> {
  const own = folderOf(folder, pointer);
  await mkdir(own, { recursive: true });
  await mkdir(scratchIn(folder), { recursive: true });
  await putWhole(join(own, nameOf(good.generation)), JSON.stringify(good), scratchIn(folder));
  await syncFolder(own);
  const [, ...older] = await generationsIn(own);
  for (const name of older) await rm(join(own, name), { force: true });
}

/** Reads one file of a last good bundle. Returns null if it is missing or invalid. */
export async function readLastGood(path: string): Promise<LastGood | null> {
  try {
    return LastGood.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}

/** Returns the file names of all generations, the newest first. */
async function generationsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => NAME.test(name))
    .toSorted()
    .toReversed();
}

function nameOf(generation: number): string {
  return `${String(generation).padStart(16, '0')}.json`;
}
