const undos = new Set<() => void>();

/**
 * Calls `undo` when this test process ends, unless `cancel` is called before. A test that throws or hangs does not stop its servers, and
 * several files may share a server that no file stops. `undo` must be synchronous. Returns `cancel`.
 */
export function atExit(undo: () => void): () => void {
  undos.add(undo);
  return () => void undos.delete(undo);
}

process.on('exit', () => {
  // The last started server is ended first.
  for (const undo of [...undos].toReversed()) {
    try {
      undo();
    } catch (error) {
      // The other servers must be ended as well.
      console.error(error);
    }
  }
});
