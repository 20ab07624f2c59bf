import type { PointerId } from '@pointsman/protocol/identifiers';
import type { Database } from '../../postgres/database.ts';
import { findPointer } from '../../postgres/channels/pointers.ts';
import type { ExpectedGeneration } from '../responses/entity-tags.ts';
import { movedOn } from '../responses/refusal.ts';

/**
 * Returns the generation that the tenant's object must compare with the pointer. Returns null if no generation is required. `If-Match: *`
 * only requires that the pointer exists (RFC 9110, section 13.1.1). That is checked here, and cannot change later, because a pointer that
 * has moved is never removed.
 */
export async function expectedGeneration(
  db: Database,
  id: PointerId,
  expected: ExpectedGeneration | undefined,
): Promise<number | null> {
  if (expected !== 'any') return expected ?? null;
  const pointer = await findPointer(db, id);
  if (pointer !== null && pointer.generation > 0) return null;
  throw movedOn(pointer ?? { version: null, digest: null, generation: 0, hold: null, movedAt: null });
}
