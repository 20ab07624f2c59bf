/**
 * Globs over paths: `*` and `?` match within a folder, `**` matches across folders, `[a-z]` and `{a,b}` match
 * alternatives. No wildcard matches a leading dot. Glob libraries use backtracking regular expressions, which never
 * finish on a tenant's pattern with a hundred stars. This matcher takes at most the length of the pattern times the
 * length of the path.
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  const alternatives = (expandBraces(pattern) ?? []).map((one) => one.split('/').map(segmentOf));
  return (path) => {
    const names = path.split('/');
    return alternatives.some((segments) => matchesPath(segments, names));
  };
}

/** Whether a pattern may match paths other than itself. */
export function hasWildcard(pattern: string): boolean {
  return /[*?[{]/.test(pattern);
}

/** Why a pattern is invalid, or null. */
export function globProblem(pattern: string): string | null {
  if (/[@+*?!]\(/.test(pattern))
    return 'extended groups such as "+(…)" are not supported in a pattern; list the alternatives';
  if (/\{[^{},]*\.\.[^{},]*\}/.test(pattern))
    return 'ranges such as "{1..9}" are not supported in a pattern; list the alternatives';
  if (expandBraces(pattern) === null)
    return `the braces of a pattern may expand to at most ${MAX_ALTERNATIVES} alternatives`;
  return null;
}

/** Maximum number of patterns to which braces may expand. `{a,b}` ten times would expand to a thousand. */
const MAX_ALTERNATIVES = 100;

/** The expanded patterns, or null if there are too many. Braces without a comma are plain text. */
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

/** Dynamic programming: after each segment of the pattern, `reached` marks the prefixes of the path that match. */
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

/** Backtracks only to the last star, which is sufficient and avoids exponential time. */
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
