/**
 * Returns a function that tests whether a path matches a glob. `*` and `?` match within a folder, and `**` matches
 * across folders. `[a-z]` matches one of these characters, and `{a,b}` matches one of the alternatives. Wildcards do
 * not match a dot at the start of a name.
 *
 * Glob libraries use backtracking regular expressions, which never finish on a pattern with a hundred stars. The time
 * of this matcher is at most proportional to the length of the pattern times the length of the path.
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  const alternatives = (expandBraces(pattern) ?? []).map((one) => one.split('/').map(segmentOf));
  return (path) => {
    const names = path.split('/');
    return alternatives.some((segments) => matchesPath(segments, names));
  };
}

/** Whether a pattern may match a path that differs from the pattern. */
export function hasWildcard(pattern: string): boolean {
  return /[*?[{]/.test(pattern);
}

/** Returns the reason why a pattern is invalid, or null. */
export function globProblem(pattern: string): string | null {
  if (/[@+*?!]\(/.test(pattern))
    return 'extended groups such as "+(…)" are not supported in a pattern; list the alternatives';
  if (/\{[^{},]*\.\.[^{},]*\}/.test(pattern))
    return 'ranges such as "{1..9}" are not supported in a pattern; list the alternatives';
  if (expandBraces(pattern) === null)
    return `the braces of a pattern may expand to at most ${MAX_ALTERNATIVES} alternatives`;
  return null;
}

/**
 * The maximum number of patterns to which the braces of one pattern may expand. For comparison, a pattern with
 * `{a,b}` ten times expands to 1,024 patterns.
 */
const MAX_ALTERNATIVES = 100;

/**
 * Expands the braces of a pattern. Returns null if there are too many results. Braces without a comma are plain text.
 */
function expandBraces(pattern: string): string[] | null {
  let expanded = [pattern];
  for (;;) {
    const found = expanded.map((one) => [one, /\{([^{}]*,[^{}]*)\}/.exec(one)] as const);
    if (found.every(([, group]) => group === null)) return expanded;
    expanded = found.flatMap(([one, group]) =>
      group
        ? (group[1] ?? '')
            .split(',')
            .map((choice) => one.slice(0, group.index) + choice + one.slice(group.index + group[0].length))
        : [one],
    );
    if (expanded.length > MAX_ALTERNATIVES) return null;
  }
}

type Token = { readonly star: true } | { readonly star: false; readonly matches: (unit: string) => boolean };

type Segment =
  | { readonly kind: 'folders' }
  | { readonly kind: 'name'; readonly tokens: readonly Token[]; readonly startsWild: boolean };

const TOKEN = /(?<star>\*+)|(?<any>\?)|\[(?<not>[!^]?)(?<set>\]?[^\]]*)\]|\\?(?<text>[^])/g;

function segmentOf(text: string): Segment {
  if (text === '**') return { kind: 'folders' };
  const tokens = [...text.matchAll(TOKEN)].map(({ groups = {} }): Token => {
    const { star, any, not, set, text: own } = groups;
    if (star !== undefined) return { star: true };
    if (any !== undefined) return { star: false, matches: () => true };
    if (set !== undefined) return { star: false, matches: (unit) => inSet(set, unit) !== (not !== '') };
    return { star: false, matches: (unit) => unit === own };
  });
  return { kind: 'name', tokens, startsWild: /^[*?[]/.test(text) };
}

function inSet(set: string, unit: string): boolean {
  for (let at = 0; at < set.length; at++) {
    const isRange = set[at + 1] === '-' && at + 2 < set.length;
    if (isRange ? set.charAt(at) <= unit && unit <= set.charAt(at + 2) : set[at] === unit) return true;
    if (isRange) at += 2;
  }
  return false;
}

/**
 * Matches by dynamic programming. After each segment of the pattern, `reached[n]` is true if the segments so far
 * match the first n names of the path.
 */
function matchesPath(segments: readonly Segment[], names: readonly string[]): boolean {
  let reached = names.map((_, index) => index === 0).concat(false);
  for (const segment of segments) {
    const next = segment.kind === 'folders' ? [...reached] : names.map(() => false).concat(false);
    for (const [index, name] of names.entries()) {
      if (segment.kind === 'folders') next[index + 1] ||= next[index] === true && !name.startsWith('.');
      else next[index + 1] = reached[index] === true && matchesName(segment, name);
    }
    reached = next;
  }
  return reached.at(-1) === true;
}

/**
 * Matches one segment of the pattern with one name. It backtracks only to the last star, because earlier stars can't
 * change the result. This avoids exponential time.
 */
function matchesName({ tokens, startsWild }: Extract<Segment, { kind: 'name' }>, name: string): boolean {
  if (startsWild && name.startsWith('.')) return false;
  let [at, nth, starAt, starNth] = [0, 0, 0, -1];
  while (at < name.length) {
    const token = tokens[nth];
    if (token?.star) {
      [starNth, starAt] = [nth++, at];
    } else if (token?.matches(name.charAt(at))) {
      at++;
      nth++;
    } else if (starNth >= 0) {
      at = ++starAt;
      nth = starNth + 1;
    } else return false;
  }
  return tokens.slice(nth).every(({ star }) => star);
}
