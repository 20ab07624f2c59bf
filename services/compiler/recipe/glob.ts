/**
 * Globs over paths: `*` and `?` stay in their folder, `**` crosses folders, `[a-z]` and `{a,b}` choose. No wildcard matches a leading dot.
 * A glob library turns them into a regular expression that backtracks: a hundred stars in a pattern of a tenant take longer than
 * anybody waits. Here the time is at most the length of the pattern times that of the path.
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  const alternatives = (expandBraces(pattern) ?? []).map((one) => one.split('/').map(segmentOf));
  return (path) => {
    const names = path.split('/');
    return alternatives.some((segments) => matchesPath(segments, names));
  };
}

/** Whether a pattern may match more than the file of its own name. */
export function hasWildcard(pattern: string): boolean {
  return /[*?[{]/.test(pattern);
}

/** Why a pattern cannot be read; null when it can. */
export function globProblem(pattern: string): string | null {
  if (/[@+*?!]\(/.test(pattern))
    return 'a pattern has no extended groups such as "+(…)"; list the alternatives';
  if (/\{[^{},]*\.\.[^{},]*\}/.test(pattern))
    return 'a pattern has no ranges such as "{1..9}"; list the alternatives';
  if (expandBraces(pattern) === null) return `a pattern may stand for ${MOST_ALTERNATIVES} alternatives`;
  return null;
}

/** What the braces of one pattern may expand to: `{a,b}` ten times is a thousand patterns. */
const MOST_ALTERNATIVES = 100;

/** null when they are too many. A group without a comma is text. */
function expandBraces(pattern: string): string[] | null {
  let waiting = [pattern];
  for (;;) {
    const found = waiting.map((one) => [one, /\{([^{}]*,[^{}]*)\}/.exec(one)] as const);
    if (found.every(([, group]) => group === null)) return waiting;
    waiting = found.flatMap(([one, group]) =>
      group
        ? (group[1] ?? '')
            .split(',')
            .map((choice) => one.slice(0, group.index) + choice + one.slice(group.index + group[0].length))
        : [one],
    );
    if (waiting.length > MOST_ALTERNATIVES) return null;
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

/** Which beginnings of the path the beginning of the pattern can match, a segment at a time. */
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

/** Where a star has matched too little, only the last one needs to match more. */
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
