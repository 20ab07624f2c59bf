import { structuredPatch } from 'diff';

import type { Terminal } from './terminal.ts';

/** Unchanged lines around a change, as in most diff tools. */
const CONTEXT_LINES = 3;

/** The comparison is abandoned after this many edits, because the files have almost nothing in common. */
const MOST_EDITS = 5_000;

/** Returns the unified diff of two texts, without a file header. Returns null if they differ too much. */
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

// Formats a line range of a diff. An empty range has the number of the line before it, as in POSIX diff.
function range(start: number, lines: number): string {
  return `${lines === 0 ? start - 1 : start},${lines}`;
}

function painted(line: string, terminal: Terminal): string {
  if (line.startsWith('+')) return terminal.paint('green', line);
  return line.startsWith('-') ? terminal.paint('red', line) : line;
}
