import { withoutOwnSequences } from './terminal-guard.ts';

/**
 * Formats rows as a table whose columns are two spaces apart. Lines have no trailing spaces. Escape sequences
 * do not count in the width of a column.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell));
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}

function width(cell: string): number {
  let count = 0;
  for (const _character of withoutOwnSequences(cell)) count++;
  return count;
}
