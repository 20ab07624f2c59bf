const undos = new Set<() => void>();

/**
 * Calls `undo` when the test process ends before `cancel`, because a test threw or hung, or because files of the process share what it
 * undoes. It must be synchronous. Returns `cancel`.
 */
export function atExit(undo: () => void): () => void {
  undos.add(undo);
  return () => void undos.delete(undo);
}

process.on('exit', () => {
  // What was started last is ended first.
  for (const undo of [...undos].toReversed()) undo();
});
