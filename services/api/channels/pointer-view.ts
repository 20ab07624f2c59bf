import type { Pointer } from '@pointsman/protocol/moves/pointer';
import { etagOf } from '@pointsman/protocol/entity-tag';

/** The headers of every response that contains a pointer. */
export function pointerHeaders(pointer: Pointer): Record<string, string> {
  return { etag: etagOf(pointer.generation), 'cache-control': 'private, no-cache' };
}

/** The headers of a response that depends on `Accept`, because the caller could have requested a stream. */
export function readPointerHeaders(pointer: Pointer): Record<string, string> {
  return { ...pointerHeaders(pointer), vary: 'accept' };
}
