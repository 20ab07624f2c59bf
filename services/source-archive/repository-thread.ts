import { move, transferableSymbol, valueSymbol } from 'piscina';

import { repositoryLayout } from './archive-layout.ts';
import { readTarArchive } from './tar-archive.ts';

export interface RepositoryTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The folder of the repository that contains the source. It is null if the source is the whole repository. */
  readonly folder: string | null;
}

/**
 * Reads a repository archive. This function runs in the thread. The contents are transferred to the main thread
 * without being copied.
 */
export async function readInThread({ bytes, folder }: RepositoryTask): Promise<unknown> {
  const read = await readTarArchive(bytes, repositoryLayout(folder));
  if (read.kind !== 'source') return read;
  const handedOver = { [transferableSymbol]: [read.arena.buffer], [valueSymbol]: read };
  return move(handedOver);
}
