import { createInterface } from 'node:readline/promises';

/** Asks a question at this process's terminal. Returns the trimmed answer, or an empty one at the end of input. */
export async function promptAtTerminal(question: string, signal: AbortSignal): Promise<string> {
  if (process.stdin.readableEnded) return '';
  // Disables readline's terminal mode, which would intercept Ctrl-C.
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false });
  try {
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    return (await Promise.race([lines.question(question, { signal }), ended])).trim();
  } finally {
    lines.close();
  }
}
