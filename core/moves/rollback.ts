/** The fields of a move that a rollback needs. */
export interface PastMove {
  readonly generation: number;
  /** A rollback: the earlier move whose state it restored, which is never a rollback itself. Null for every other move. */
  readonly restores: number | null;
}

/** The move whose state is live after a move: that move, or the earlier one that it restored. */
function inEffect({ generation, restores }: PastMove): number {
  return restores ?? generation;
}

/**
 * The earlier move that a rollback restores. A rollback is an undo: it goes back to what was live before the move in effect. So a second
 * rollback goes further back, and neither an undone move nor the rollback that undid it is visited again. Each rollback names the move that
 * it restores, so two moves of the history are enough, however long it is.
 *
 * @param present the pointer's generation
 * @param moveAt the pointer's move to a generation
 * @returns the generation of the move to restore; null when nothing was live before
 */
export async function rollbackTarget(
  present: number,
  moveAt: (generation: number) => Promise<PastMove>,
): Promise<number | null> {
  if (present === 0) return null;
  const current = inEffect(await moveAt(present));
  return current === 1 ? null : inEffect(await moveAt(current - 1));
}
