/** A set of Unicode code points as a sorted list of inclusive ranges. Ranges neither overlap nor are adjacent. */
export type CodePoints = readonly (readonly [first: number, last: number])[];

const LAST = 0x10_ffff;

export function oneCodePoint(code: number): CodePoints {
  return [[code, code]];
}

export function union(sets: readonly CodePoints[]): CodePoints {
  const merged: [number, number][] = [];
  for (const [first, last] of sets.flat().toSorted((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

export function complement(set: CodePoints): CodePoints {
  const rest: [number, number][] = [];
  let next = 0;
  for (const [first, last] of set) {
    if (first > next) rest.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST) rest.push([next, LAST]);
  return rest;
}

const known = new Map<string, CodePoints>();

/**
 * Clears the cache after a compilation. Otherwise the duration of the next compilation would reveal which class
 * escapes this one has used.
 */
export function forgetCodePoints(): void {
  known.clear();
  everything = null;
}

/**
 * Returns the code points that a class escape such as `\s` or `\p{L}` matches. The JavaScript engine determines them,
 * because JSON Schema defines patterns by the regular expressions of JavaScript. The results are cached until the end
 * of the compilation. There are at most a few hundred, because only that many escapes are valid.
 */
export function codePointsOf(escape: string): CodePoints {
  const before = known.get(escape);
  if (before) return before;
  const ranges: [number, number][] = [];
  for (const match of everyCharacter().matchAll(new RegExp(`${escape}+`, 'gu'))) {
    const [run] = match;
    // The searched text contains all code points in order, except the surrogates. Each match is therefore one range.
    ranges.push([run.codePointAt(0) ?? 0, lastCodePoint(run)]);
  }
  known.set(escape, ranges);
  return ranges;
}

function lastCodePoint(text: string): number {
  const pair = text.length > 1 ? (text.codePointAt(text.length - 2) ?? 0) : 0;
  return pair > 0xff_ff ? pair : text.charCodeAt(text.length - 1);
}

let everything: string | null = null;

function everyCharacter(): string {
  if (everything !== null) return everything;
  const parts: string[] = [];
  for (let start = 0; start <= LAST; start += 0x1000) {
    if (start >= 0xd800 && start < 0xe000) continue;
    const codes = Array.from({ length: 0x1000 }, (_, index) => start + index);
    parts.push(String.fromCodePoint(...codes.filter((code) => code < 0xd800 || code > 0xdfff)));
  }
  everything = parts.join('');
  return everything;
}
