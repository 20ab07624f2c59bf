import { createInterface } from 'node:readline/promises';

/**
 * Asks a question at the terminal of this process. Returns the answer without surrounding spaces. At the end
 * of input, returns an empty text.
 */
export async function promptAtTerminal(question: string, signal: AbortSignal): Promise<string> {
  if (process.stdin.readableEnded) return '';
  // The option `terminal` is off, because readline would otherwise intercept Ctrl-C.
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false });
  try {
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    return (await Promise.race([lines.question(question, { signal }), ended])).trim();
  } finally {
    lines.close();
  }
}
