import { move, transferableSymbol, valueSymbol } from 'piscina';

import { repositoryLayout } from './archive-layout.ts';
import { readTarArchive } from './tar-archive.ts';

export interface RepositoryTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The folder of the repository that contains the source; null for the whole repository. */
  readonly folder: string | null;
}

/** Reads the archive of a repository, and transfers its contents without a copy. Runs in the thread. */
export async function readInThread({ bytes, folder }: RepositoryTask): Promise<unknown> {
  const read = await readTarArchive(bytes, repositoryLayout(folder));
  if (read.kind !== 'source') return read;
  const handedOver = { [transferableSymbol]: [read.arena.buffer], [valueSymbol]: read };
  return move(handedOver);
}
