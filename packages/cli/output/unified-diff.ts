import { structuredPatch } from 'diff';

import type { Terminal } from './terminal.ts';

/** Unchanged lines around a change, as in most diff tools. */
const CONTEXT_LINES = 3;

/** A comparison with more steps is abandoned: the files have almost nothing in common. */
const MOST_EDITS = 5_000;

/** Two texts as a unified diff without its file header. Null when they differ too much. */
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

// A range without lines is named by the line before it, as in POSIX diff.
function range(start: number, lines: number): string {
  return `${lines === 0 ? start - 1 : start},${lines}`;
}

function painted(line: string, terminal: Terminal): string {
  if (line.startsWith('+')) return terminal.paint('green', line);
  return line.startsWith('-') ? terminal.paint('red', line) : line;
}
