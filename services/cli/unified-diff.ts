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
  // A compiled file is somebody else's text; only its tabs are kept of what steers a terminal.
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is being replaced
  const safe = line.replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '\ufffd');
  if (line.startsWith('+')) return terminal.paint('green', safe);
  return line.startsWith('-') ? terminal.paint('red', safe) : safe;
}
