/** The code of a thread that overflows its stack on every input. */
export function readInThread(): number {
  return 1 + readInThread();
}
