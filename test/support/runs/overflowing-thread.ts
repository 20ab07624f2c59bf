/** Runs in a thread, and overflows its stack on every input. */
export function readInThread(): number {
  return 1 + readInThread();
}
