/** Runs in a thread, and overflows its stack for every input. */
export function readInThread(): number {
  return 1 + readInThread();
}
