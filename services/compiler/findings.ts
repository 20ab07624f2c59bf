import {
  boundedDiagnostic,
  type Diagnostic,
  reportedDiagnostics,
} from '@pointsman/protocol/releases/diagnostic';
import { documentLimits } from '@pointsman/protocol/limits';

/** Collects diagnostics. The result does not depend on the order in which the diagnostics are added. */
export interface Findings {
  readonly add: (diagnostic: Diagnostic) => void;
  readonly isEmpty: () => boolean;
  /**
   * Returns the diagnostics without duplicates, sorted by path, line, column and code. Returns at most
   * `documentLimits.diagnostics` of them, with a total length of at most `documentLimits.reportChars`. `truncated` is
   * true if some were omitted.
   */
  readonly result: () => { diagnostics: Diagnostic[]; truncated: boolean };
}

export function findings(): Findings {
  let kept = new Map<string, Diagnostic>();
  let dropped = false;
  const shrink = (): void => {
    const sorted = [...kept.entries()].toSorted(([, a], [, b]) => compare(a, b));
    dropped ||= sorted.length > documentLimits.diagnostics;
    kept = new Map(sorted.slice(0, documentLimits.diagnostics));
  };
  return {
    add: (found) => {
      const text = JSON.stringify(boundedDiagnostic(found));
      // The JSON round trip copies the strings. A string from the parser may be a slice that keeps the whole document
      // in memory.
      kept.set(text, JSON.parse(text) as Diagnostic);
      // Sorts and drops diagnostics only when ten times the limit are stored. This bounds the memory without sorting
      // after each addition.
      if (kept.size > 10 * documentLimits.diagnostics) shrink();
    },
    isEmpty: () => kept.size === 0,
    result: () => {
      shrink();
      const diagnostics = reportedDiagnostics([...kept.values()]);
      return { diagnostics, truncated: dropped || diagnostics.length < kept.size };
    },
  };
}

function compare(a: Diagnostic, b: Diagnostic): number {
  return (
    order(a.path, b.path) ||
    a.line - b.line ||
    a.column - b.column ||
    order(a.code, b.code) ||
    order(a.pointer, b.pointer) ||
    order(a.message, b.message)
  );
}

function order(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
