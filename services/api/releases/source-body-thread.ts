import { move, transferableSymbol, valueSymbol } from 'piscina';

import { sourceLayout } from '../../source-archive/archive-layout.ts';
import { readTarArchive } from '../../source-archive/tar-archive.ts';
import type { SourceBody } from './source-body.ts';
import { readJsonSource } from './source-body-json.ts';

export interface SourceBodyTask {
  readonly format: 'json' | 'tar';
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads the body of one publish in a worker thread. Transfers the file contents to the caller's thread without a copy. The caller receives
 * a {@link SourceBody}.
 */
export async function readInThread({ format, bytes }: SourceBodyTask): Promise<unknown> {
  const body = format === 'json' ? readJsonSource(bytes) : await readTarSource(bytes);
  if (body.kind !== 'source') return body;
  const handedOver = { [transferableSymbol]: [body.arena.buffer], [valueSymbol]: body };
  return move(handedOver);
}

async function readTarSource(bytes: Uint8Array): Promise<SourceBody> {
  const read = await readTarArchive(bytes, sourceLayout());
  switch (read.kind) {
    case 'not_gzip':
      return { kind: 'malformed', errors: [{ in: 'body', message: 'the body is not gzip' }] };
    case 'source':
      return { ...read, options: {} };
    default:
      return read;
  }
}
