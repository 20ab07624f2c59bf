import { visibleControls } from '../text/control-characters.ts';
import type { Diagnostic } from './diagnostic.ts';

/**
 * The maximum length of a source line that is shown, in characters. In a longer line, for example of a
 * minified file, a caret does not help.
 */
const SHOWN_LINE_CHARS = 200;

/**
 * Formats diagnostics as compilers do. Each starts with a line `path:line:column: error[code]: message`. If
 * `readFile` returns the text of the file, the source line follows, with a caret below the column. `readFile`
 * returns null for a file that it can't read. The result ends with a newline, or is empty if there are no
 * diagnostics.
 */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  readFile: (path: string) => string | null = () => null,
): string {
  const linesByPath = new Map<string, readonly string[]>();
  const linesOf = (path: string): readonly string[] => {
    const known = linesByPath.get(path);
    if (known) return known;
    const lines = (readFile(path) ?? '').split(/\r\n|\n|\r/);
    linesByPath.set(path, lines);
    return lines;
  };
  return diagnostics.map((diagnostic) => formatOne(diagnostic, linesOf(diagnostic.path))).join('');
}

function formatOne(diagnostic: Diagnostic, lines: readonly string[]): string {
  const { path, line, column, code, message } = diagnostic;
  const head = `${oneLine(path)}:${line}:${column}: error[${code}]: ${oneLine(message)}\n`;
  const text = lines[line - 1];
  if (!text || text.length > SHOWN_LINE_CHARS) return head;
  const gutter = `${line} | `;
  // Tabs are kept in the line of the caret, so that the caret is below its character with every tab width.
  const before = visibleControls(text.slice(0, column - 1)).replaceAll(/[^\t]/g, ' ');
  return `${head}${gutter}${visibleControls(text)}\n${' '.repeat(gutter.length - 2)}| ${before}^\n`;
}

function oneLine(text: string): string {
  return visibleControls(text.replaceAll(/[\r\n\t]+/g, ' '));
}
