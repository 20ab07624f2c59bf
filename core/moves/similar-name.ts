import { channelLimits } from '../limits/limits.ts';

/** Returns the known name that is most similar to a misspelt one, or null if none is similar enough. */
export function similarName(given: string, known: readonly string[]): string | null {
  let best: { name: string; edits: number } | null = null;
  for (const name of known) {
    const edits = editsBetween(given, name);
    // A typo changes less than half of a name: "qa" is not a misspelling of "eu".
    if (edits > channelLimits.misspeltBy || 2 * edits >= Math.max(given.length, name.length)) continue;
    if (best === null || edits < best.edits) best = { name, edits };
  }
  return best?.name ?? null;
}

/**
 * Returns the optimal string alignment distance: the number of insertions, deletions, substitutions and
 * transpositions of adjacent characters.
 */
function editsBetween(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_none, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const differs = a[row - 1] === b[column - 1] ? 0 : 1;
      let edits = Math.min(at(last, column) + 1, at(next, column - 1) + 1, at(last, column - 1) + differs);
      const exchanged = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (exchanged) edits = Math.min(edits, at(beforeLast, column - 2) + 1);
      next.push(edits);
    }
    beforeLast = last;
    last = next;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
