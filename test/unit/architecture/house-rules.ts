import { dirname } from 'node:path';

import type { Fault, SourceText } from './syntax.ts';

/** Drawers where anything fits, so that nothing can be found again. */
const DRAWERS = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'shared',
  'types',
  'lib',
  'misc',
  'index',
]);

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Names of files and folders: kebab-case, and of what is in them. */
export function nameFaults({ path }: SourceText): Fault[] {
  const names = path.split('/').map((name) => name.replace(/(\.test)?\.ts$/, ''));
  return names.flatMap((name) => {
    const message = DRAWERS.has(name)
      ? `"${name}" says nothing of what is in it`
      : `"${name}" is not kebab-case`;
    return DRAWERS.has(name) || !KEBAB.test(name) ? [{ path, line: 1, rule: 'names', message }] : [];
  });
}

/** More files than this in one folder are hard to find one's way in: the folder gets subfolders. */
export const MOST_FILES = 25;

/** The folders with more than `MOST_FILES` files, each at its path, with the number. */
export function crowdedFolders(sources: readonly SourceText[]): Fault[] {
  const counts = new Map<string, number>();
  for (const { path } of sources) {
    const folder = dirname(path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > MOST_FILES)
    .map(([path, count]) => ({ path, line: 1, rule: 'crowded', message: `${count} files in one folder` }));
}

/** Rules that keep their meaning only without exceptions. */
const NO_EXCEPTION = /max-lines|no-restricted|no-floating|missing-throw|no-cycle/;

/** A rule is switched off for one line, by its name, with a reason after two dashes; sizes and fences not at all. */
export function exceptionFaults({ path, text }: SourceText): Fault[] {
  return text.split('\n').flatMap((content, index) => {
    const [, scope = '', rest = ''] = /(?:\/\/|\/\*)\s*(?:ox|es)lint-disable(-next-line|-line)?\b(.*)/.exec(
      content,
    ) ?? ['', 'none'];
    if (scope === 'none') return [];
    const [, rules = '', reason = ''] = /^\s*(\S.*?)?\s+--\s+(\S.*)$/.exec(rest) ?? [];
    const fine = scope !== '' && rules !== '' && reason !== '' && !NO_EXCEPTION.test(rules);
    const message =
      'a rule is switched off for one line, by name, with a reason after --; sizes and fences never';
    return fine ? [] : [{ path, line: index + 1, rule: 'exceptions', message }];
  });
}

/** A test that is left out proves nothing, and a count of skipped tests is read by nobody. */
export function skippedTests({ path, text }: SourceText): Fault[] {
  return text.split('\n').flatMap((content, index) => {
    const found = /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|todo|only|fails)\b/.exec(content);
    return found
      ? [{ path, line: index + 1, rule: 'skipped', message: `${found[0]} leaves something unproved` }]
      : [];
  });
}
