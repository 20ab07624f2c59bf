import { structuredPatch } from 'diff';

import type { Terminal } from './terminal.ts';

/** The number of unchanged lines shown around a change. Most diff tools use three. */
const CONTEXT_LINES = 3;

/**
 * The maximum number of edits between two texts. If there are more, no diff is shown, because the texts have
 * almost nothing in common.
 */
const MOST_EDITS = 5_000;

/**
 * Returns the unified diff of two texts, without a file header. Returns null if they differ by more than
 * {@link MOST_EDITS} edits.
 */
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

// Formats a line range in the header of a hunk. For an empty range, the number is that of the line before it,
// as in POSIX diff.
function range(start: number, lines: number): string {
  return `${lines === 0 ? start - 1 : start},${lines}`;
}

function painted(line: string, terminal: Terminal): string {
  if (line.startsWith('+')) return terminal.paint('green', line);
  return line.startsWith('-') ? terminal.paint('red', line) : line;
}
