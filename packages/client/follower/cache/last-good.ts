import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { Digest, Generation, type PointerId, Version } from '@pointsman/protocol/identifiers';
import { scratchIn } from './blob-folder.ts';
import { putWhole, syncFolder } from './durable-file.ts';

/** Identifies the newest bundle of a pointer that is complete on disk (the "last good" bundle). */
const LastGood = z.object({ generation: Generation.min(1), version: Version, digest: Digest });
export type LastGood = z.infer<typeof LastGood>;

/**
 * The format of the file names: the generation, padded to sixteen digits, so that sorting by name sorts by
 * generation.
 */
const NAME = /^([0-9]{16})\.json$/;

export function pointersIn(folder: string): string {
  return join(folder, 'pointers');
}

function folderOf(folder: string, { tenant, bundle, channel }: PointerId): string {
  return join(pointersIn(folder), tenant, bundle, channel);
}

/**
 * Returns the newest bundle of the pointer that is complete on disk, or null. Each generation has its own
 * file, which never changes, and the highest generation is the newest bundle. With a single file, a process
 * that lags behind another one could overwrite a newer generation, because both may share the folder.
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
 * Records that a bundle is complete on disk. All its blobs must already be durable. The record is durable
 * when the promise resolves.
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

/** Reads the record of one generation. Returns null if the file is missing or invalid. */
export async function readLastGood(path: string): Promise<LastGood | null> {
  try {
    return LastGood.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}

/** Returns the file names of all recorded generations, the newest first. */
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
