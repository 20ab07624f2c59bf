/** Rows in columns, two spaces apart, without blanks at the ends of lines. Widths count characters, not escape codes. */
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
  // eslint-disable-next-line no-control-regex -- the escape character is what begins a colour
  for (const _character of cell.replaceAll(/\u001b\[[0-9;]*m/g, '')) count++;
  return count;
}
