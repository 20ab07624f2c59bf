import type { Pointer } from '@pointsman/protocol/moves/pointer';
import { etagOf } from '@pointsman/protocol/entity-tag';

/** The headers of every response that contains a pointer. */
export function pointerHeaders(pointer: Pointer): Record<string, string> {
  return { etag: etagOf(pointer.generation), 'cache-control': 'private, no-cache' };
}

/** The headers of a pointer response that depends on the Accept header: the caller could have requested an event stream instead. */
export function readPointerHeaders(pointer: Pointer): Record<string, string> {
  return { ...pointerHeaders(pointer), vary: 'accept' };
}
