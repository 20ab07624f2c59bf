import { z } from 'zod';

import { cut } from '../text/cut.ts';
import { documentLimits } from '../limits.ts';

/**
 * One problem of a source, at the location where its author can fix it. Lines and columns count from 1, as editors do. `pointer` is a JSON
 * Pointer (RFC 6901) into the document, empty for the whole document.
 */
export const Diagnostic = z.object({
  path: z.string(),
  line: z.number().int().min(1),
  column: z.number().int().min(1),
  pointer: z.string(),
  code: z.string(),
  message: z.string(),
});

export type Diagnostic = z.infer<typeof Diagnostic>;

/** The same problem with texts of at most {@link documentLimits.textChars}. */
export function boundedDiagnostic(diagnostic: Diagnostic): Diagnostic {
  return {
    ...diagnostic,
    path: boundedText(diagnostic.path),
    pointer: boundedPointer(diagnostic.pointer),
    message: boundedText(diagnostic.message),
  };
}

/** The text, or its beginning and "…". Well-formed if the text is. */
export function boundedText(text: string): string {
  if (text.length <= documentLimits.textChars) return text;
  return `${text.slice(0, documentLimits.textChars - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The pointer, or the longest parent that is short enough. Cutting inside a step would point to another value. */
export function boundedPointer(pointer: string): string {
  if (pointer.length <= documentLimits.textChars) return pointer;
  return pointer.slice(0, pointer.lastIndexOf('/', documentLimits.textChars));
}

/** A name from a source in double quotes, shortened: names may be as long as the source. */
export function quotedName(name: string): string {
  return JSON.stringify(cut(name, documentLimits.nameChars));
}

/**
 * The first problems that fit into {@link documentLimits.reportChars}. Each must be bounded before.
 *
 * @param textsOf the texts of a problem that come from outside
 */
export function withinReport<T>(problems: readonly T[], textsOf: (problem: T) => readonly string[]): T[] {
  let chars = 0;
  const end = problems.findIndex((problem) => {
    for (const text of textsOf(problem)) chars += text.length;
    return chars > documentLimits.reportChars;
  });
  return end === -1 ? [...problems] : problems.slice(0, end);
}

/** {@link withinReport} for diagnostics. */
export function reportedDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return withinReport(diagnostics, ({ path, pointer, message }) => [path, pointer, message]);
}

/** The first problem with its location, and the number of others. */
export function summaryOf(diagnostics: readonly Diagnostic[], truncated = false): string {
  const [first] = diagnostics;
  if (!first) return 'the source is invalid';
  const place = `${first.path}:${first.line}:${first.column}: ${first.message}`;
  const count = `${diagnostics.length}${truncated ? ' or more' : ''}`;
  return diagnostics.length === 1 ? place : `${place} (and more: ${count} problems)`;
}
