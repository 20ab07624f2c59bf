/** A table of Markdown. Cells are Markdown already; their bars and line breaks would end a cell, and are escaped. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
}

/** Text as code; none as nothing. */
export function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}
