/** What a rollback has to know of a move. */
export interface PastMove {
  readonly generation: number;
  /** A rollback: the earlier move whose state it has restored, which is itself no rollback. Null for every other move. */
  readonly restores: number | null;
}

/** The move whose state is live after a move: that move, or the earlier one that it has restored. */
function inEffect({ generation, restores }: PastMove): number {
  return restores ?? generation;
}

/**
 * Which earlier move a rollback restores. A rollback is an undo: it goes back to what was live before the move that is in effect, so
 * that a second one goes further back, and neither an undone move nor the rollback that has undone it is ever visited again. Each
 * rollback names the move that it restores; so two moves of the history are enough, however long it is.
 *
 * @param present the pointer's generation
 * @param moveAt the pointer's move to a generation
 * @returns the generation of the move to restore; null where nothing was live before
 */
export async function rollbackTarget(
  present: number,
  moveAt: (generation: number) => Promise<PastMove>,
): Promise<number | null> {
  if (present === 0) return null;
  const current = inEffect(await moveAt(present));
  return current === 1 ? null : inEffect(await moveAt(current - 1));
}
