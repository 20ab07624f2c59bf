/** The fields of a move that a rollback needs. */
export interface PastMove {
  readonly generation: number;
  /**
   * For a rollback, the generation of the earlier move whose state it restored. That move is never a rollback
   * itself. Null for every other move.
   */
  readonly restores: number | null;
}

/**
 * Returns the generation of the move whose state is live after the given move: its own, or for a rollback,
 * that of the restored move.
 */
function inEffect({ generation, restores }: PastMove): number {
  return restores ?? generation;
}

/**
 * Finds the earlier move that a rollback restores. A rollback works like an undo: it restores the state
 * before the move that is in effect. A second rollback therefore goes further back, and never returns to an
 * undone move or to the rollback that undid it. Each rollback records the move that it restored, so this
 * function reads only two moves, however long the history is.
 *
 * @param present the pointer's current generation
 * @param moveAt returns the move that set the pointer to a generation
 * @returns the generation of the move to restore; null if the pointer had no earlier state
 */
export async function rollbackTarget(
  present: number,
  moveAt: (generation: number) => Promise<PastMove>,
): Promise<number | null> {
  if (present === 0) return null;
  const current = inEffect(await moveAt(present));
  return current === 1 ? null : inEffect(await moveAt(current - 1));
}
