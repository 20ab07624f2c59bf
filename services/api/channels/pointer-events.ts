import type { Pointer } from '@pointsman/protocol/moves/pointer';
import { streamEvents } from '@pointsman/protocol/stream-events';
import { encodeEvent } from '../responses/event-stream.ts';
import { followed, type Followed } from '../watches/followed.ts';

/**
 * Yields one event for each new value of a pointer. All readers of a pointer get the same value object, so each event is encoded only once.
 */
export function pointerEvents(pointers: Followed<Pointer | null>): Followed<readonly Uint8Array[]> {
  const produce = async (): Promise<readonly Uint8Array[] | undefined> => {
    for (;;) {
      const next = await pointers.next();
      if (next.done === true) return undefined;
      if (next.value !== null) return [encoded(next.value)];
    }
  };
  return followed(produce, () => pointers.return());
}

const known = new WeakMap<Pointer, Uint8Array>();

function encoded(pointer: Pointer): Uint8Array {
  const bytes =
    known.get(pointer) ??
    encodeEvent({ id: String(pointer.generation), event: streamEvents.pointer, data: pointer });
  known.set(pointer, bytes);
  return bytes;
}
