/**
 * Formats a Markdown table. Cells are already Markdown. Their vertical bars and line breaks are escaped, because they
 * would end a cell.
 */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
}

/** Formats a text as inline code. Returns an empty string if there is no text. */
export function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}
