import type { Pointer } from '../../../core/moves/pointer.ts';
import { encodeEvent } from '../responses/event-stream.ts';

/** An event for each pointer. Readers of the same pointer get the same object, so the event is encoded once. */
export async function* pointerEvents(
  pointers: AsyncGenerator<Pointer | null>,
): AsyncGenerator<readonly Uint8Array[]> {
  for await (const pointer of pointers) {
    if (pointer !== null) yield [encoded(pointer)];
  }
}

const known = new WeakMap<Pointer, Uint8Array>();

function encoded(pointer: Pointer): Uint8Array {
  const bytes =
    known.get(pointer) ?? encodeEvent({ id: String(pointer.generation), event: 'pointer', data: pointer });
  known.set(pointer, bytes);
  return bytes;
}
