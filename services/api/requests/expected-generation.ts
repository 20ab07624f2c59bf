import type { PointerId } from '../../../core/identifiers.ts';
import type { Database } from '../../postgres/database.ts';
import { findPointer } from '../../postgres/channels/pointers.ts';
import type { ExpectedGeneration } from '../responses/entity-tags.ts';
import { movedOn } from '../responses/refusal.ts';

/**
 * The generation that the tenant's object is to compare. `If-Match: *` asks only that the pointer is there (RFC 9110, section 13.1.1):
 * that is looked at here, and binds to nothing, since a pointer that once moved never goes away.
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
