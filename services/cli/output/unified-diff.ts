import { structuredPatch } from 'diff';

import type { Terminal } from './terminal.ts';

/** Changed lines with this many unchanged ones around, as everybody's diff shows them. */
const CONTEXT_LINES = 3;

/** A comparison that needs more steps than this is of two files that have nothing in common; it is given up. */
const MOST_EDITS = 5_000;

/** Two texts as a unified diff without its file header. Null when they differ too much for one to help. */
export function unifiedDiff(before: string, after: string, terminal: Terminal): string | null {
  const patch = structuredPatch('', '', before, after, '', '', {
    context: CONTEXT_LINES,
    maxEditLength: MOST_EDITS,
  });
  if (patch === undefined) return null;
  return patch.hunks
    .map(({ oldStart, oldLines, newStart, newLines, lines }) => {
      const head = terminal.paint(
        'cyan',
        `@@ -${range(oldStart, oldLines)} +${range(newStart, newLines)} @@`,
      );
      return `${[head, ...lines.map((line) => painted(line, terminal))].join('\n')}\n`;
    })
    .join('');
}

// A range without lines is named by the line before it, as POSIX diff does.
function range(start: number, lines: number): string {
  return `${lines === 0 ? start - 1 : start},${lines}`;
}

function painted(line: string, terminal: Terminal): string {
  if (line.startsWith('+')) return terminal.paint('green', line);
  return line.startsWith('-') ? terminal.paint('red', line) : line;
}
