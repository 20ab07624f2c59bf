import type { PointerId } from '@pointsman/protocol/identifiers';
import type { Pointer } from '@pointsman/protocol/moves/pointer';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { deadlineOf } from '../responses/deadline.ts';
import { etagOf } from '@pointsman/protocol/entity-tag';
import { isKnown } from '../responses/entity-tags.ts';
import { readPointerHeaders } from './pointer-view.ts';

/** Responds with the pointer, or with 304 if the caller's entity tag is still current. */
export function pointerAnswer(pointer: Pointer, ifNoneMatch: string | undefined): Response {
  const headers = readPointerHeaders(pointer);
  if (isKnown(ifNoneMatch, etagOf(pointer.generation))) return new Response(null, { status: 304, headers });
  return jsonResponse(pointer, 200, headers);
}

/**
 * Waits until the pointer differs from the pointer that the caller already has, then responds with 200. Responds with 304 if the wait
 * expires, the process shuts down or the caller disconnects. Returns null if the bundle does not have the channel, or if the wait ended
 * before the pointer was read. Throws `unavailable` when the database does not respond.
 *
 * The first read starts after the request arrived, and is shared with the pointer's other readers.
 */
export async function waitForMove(
  { pointers, draining }: Pick<ApiDeps, 'pointers' | 'draining'>,
  id: PointerId,
  { ifNoneMatch, waitMs, signal }: { ifNoneMatch: string; waitMs: number; signal: AbortSignal },
): Promise<Response | null> {
  const end = deadlineOf([signal, draining], waitMs);
  let unmoved: Response | null = null;
  try {
    for await (const pointer of pointers.follow(id, end.signal)) {
      if (pointer === null && unmoved === null) return null;
      if (pointer === null) continue;
      const answer = pointerAnswer(pointer, ifNoneMatch);
      if (answer.status === 200) return answer;
      unmoved = answer;
    }
    return unmoved;
  } finally {
    end.clear();
  }
}
