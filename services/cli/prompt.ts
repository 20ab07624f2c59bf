import { createInterface } from 'node:readline/promises';

/** Asks a question at this process's own terminal, and gives the answer without blanks around it; none when the input ends. */
export async function askAtTerminal(question: string, signal: AbortSignal): Promise<string> {
  if (process.stdin.readableEnded) return '';
  // Not as a terminal of readline's own: that would take Ctrl-C away from us.
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false });
  try {
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    return (await Promise.race([lines.question(question, { signal }), ended])).trim();
  } finally {
    lines.close();
  }
}
