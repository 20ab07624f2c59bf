import { dirname } from 'node:path';

import type { Fault, SourceText } from './syntax.ts';

/** Names that fit any content. They tell a reader nothing about the file. */
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

/** Reports names of files and folders that are not kebab-case, or that fit any content. */
export function nameFaults({ path }: SourceText): Fault[] {
  const names = path.split('/').map((name) => name.replace(/(\.test)?\.ts$/, ''));
  return names.flatMap((name) => {
    const message = DRAWERS.has(name)
      ? `"${name}" does not describe its content`
      : `"${name}" is not kebab-case`;
    return DRAWERS.has(name) || !KEBAB.test(name) ? [{ path, line: 1, rule: 'names', message }] : [];
  });
}

/** A folder with more files than this is hard to search: it must have subfolders. */
export const MOST_FILES = 25;

/** The folders with more than `MOST_FILES` files. Each fault has the folder's path and the number of its files. */
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

/** The lint rules that may never be switched off, because an exception would make them useless. */
const NO_EXCEPTION = /max-lines|no-restricted|no-floating|missing-throw|no-cycle/;

/**
 * A lint rule may be switched off only for one line, by its name, with a reason after two dashes. Rules about sizes
 * and import boundaries may not be switched off.
 */
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

/** A skipped test proves nothing, and the number of skipped tests is easily overlooked. */
export function skippedTests({ path, text }: SourceText): Fault[] {
  return text.split('\n').flatMap((content, index) => {
    const found = /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|todo|only|fails)\b/.exec(content);
    return found
      ? [{ path, line: index + 1, rule: 'skipped', message: `${found[0]} leaves something unproved` }]
      : [];
  });
}
