import { move, transferableSymbol, valueSymbol } from 'piscina';

import type { SourceBody } from './source-body.ts';
import { readJsonSource } from './source-body-json.ts';
import { readTarSource } from './source-body-tar.ts';

export interface SourceBodyTask {
  readonly format: 'json' | 'tar';
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Runs in a thread: reads one body, and hands its contents over without a copy. The other side sees a {@link SourceBody}. */
export async function readInThread({ format, bytes }: SourceBodyTask): Promise<unknown> {
  const body: SourceBody = format === 'json' ? readJsonSource(bytes) : await readTarSource(bytes);
  if (body.kind !== 'source') return body;
  const handedOver = { [transferableSymbol]: [body.arena.buffer], [valueSymbol]: body };
  return move(handedOver);
}
