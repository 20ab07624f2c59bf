import type { Move } from '../../core/pointer.ts';

/**
 * The version to go back to: what was live before the present one became live for the first time. Not simply what was live just
 * before, since after one rollback that would be the very version that somebody rolled back from. Null when there was nothing.
 *
 * @param moves newest first, from the pointer's present generation back to its first
 */
export function rollbackTarget(present: number, moves: readonly Move[]): number | null {
  const arrival = moves.findLast((move) => move.to.version === present);
  return arrival?.from?.version ?? null;
}
