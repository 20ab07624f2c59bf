import { z } from 'zod';

import { cut } from '../text/cut.ts';
import { documentLimits } from '../limits.ts';

/**
 * One problem of a source, at the location where its author can fix it. Lines and columns count from 1, as in
 * editors. `pointer` is a JSON Pointer (RFC 6901) to a value in the document. It is empty if the problem
 * concerns the whole document.
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

/** Returns the diagnostic with each text shortened to at most {@link documentLimits.textChars}. */
export function boundedDiagnostic(diagnostic: Diagnostic): Diagnostic {
  return {
    ...diagnostic,
    path: boundedText(diagnostic.path),
    pointer: boundedPointer(diagnostic.pointer),
    message: boundedText(diagnostic.message),
  };
}

/** Returns the text. A text that is too long is cut and ends with "…". A surrogate pair is never split. */
export function boundedText(text: string): string {
  if (text.length <= documentLimits.textChars) return text;
  return `${text.slice(0, documentLimits.textChars - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/**
 * Returns the JSON Pointer. If it is too long, returns the pointer to the nearest parent that is short
 * enough. A pointer that is cut within a step would refer to a different value.
 */
export function boundedPointer(pointer: string): string {
  if (pointer.length <= documentLimits.textChars) return pointer;
  return pointer.slice(0, pointer.lastIndexOf('/', documentLimits.textChars));
}

/**
 * Returns a name from a source in double quotes. A long name is shortened, because it may be as long as the
 * source.
 */
export function quotedName(name: string): string {
  return JSON.stringify(cut(name, documentLimits.nameChars));
}

/**
 * Returns the first problems whose texts have at most {@link documentLimits.reportChars} characters together.
 * The length of each single text must be limited already.
 * @param textsOf returns those texts of a problem that contain text from the source
 */
export function withinReport<T>(problems: readonly T[], textsOf: (problem: T) => readonly string[]): T[] {
  let chars = 0;
  const end = problems.findIndex((problem) => {
    for (const text of textsOf(problem)) chars += text.length;
    return chars > documentLimits.reportChars;
  });
  return end === -1 ? [...problems] : problems.slice(0, end);
}

/** Applies the limit of {@link withinReport} to diagnostics. */
export function reportedDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return withinReport(diagnostics, ({ path, pointer, message }) => [path, pointer, message]);
}

/**
 * Summarizes diagnostics in one line: the first problem with its location, and how many problems there are.
 */
export function summaryOf(diagnostics: readonly Diagnostic[], truncated = false): string {
  const [first] = diagnostics;
  if (!first) return 'the source is invalid';
  const place = `${first.path}:${first.line}:${first.column}: ${first.message}`;
  const count = `${diagnostics.length}${truncated ? ' or more' : ''}`;
  return diagnostics.length === 1 ? place : `${place} (and more: ${count} problems)`;
}
