import { move, transferableSymbol, valueSymbol } from 'piscina';

import { repositoryLayout } from './archive-layout.ts';
import { readTarArchive } from './tar-archive.ts';

export interface RepositoryTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The folder of the repository that is the source; null for all of it. */
  readonly folder: string | null;
}

/** Runs in a thread: reads the archive of a repository, and hands its contents over without a copy. */
export async function readInThread({ bytes, folder }: RepositoryTask): Promise<unknown> {
  const read = await readTarArchive(bytes, repositoryLayout(folder));
  if (read.kind !== 'source') return read;
  const handedOver = { [transferableSymbol]: [read.arena.buffer], [valueSymbol]: read };
  return move(handedOver);
}
