/** Runs in a thread, and exhausts its stack whatever it reads. */
export function readInThread(): number {
  return 1 + readInThread();
}
