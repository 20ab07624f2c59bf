import { posix } from 'node:path';

import { importsOf, targetOf } from './imports.ts';
import type { SourceText } from './syntax.ts';

/**
 * The cycles of imports among these files, each as a sorted list of paths. A cycle is a strongly connected component
 * of more than one file, or a file that imports itself. Imports of types count too. They cost nothing at run time,
 * but neither file can be understood, moved or tested without the other.
 */
export function importCycles(sources: readonly SourceText[]): string[][] {
  return cyclesOf(new Map(sources.map((source) => [source.path, targetsOf(source)])));
}

/**
 * The cycles of imports among the subfolders of each folder, each as a sorted list of paths. Files directly in a
 * folder do not count: either they import its subfolders (the entry point, the table of routes), or all subfolders
 * import them (limits, settings).
 */
export function folderCycles(sources: readonly SourceText[]): string[][] {
  const imports = new Map<string, string[]>();
  for (const source of sources) {
    for (const target of targetsOf(source)) {
      const [from, to] = siblingFolders(source.path, target);
      if (from === undefined || to === undefined) continue;
      const targets = imports.get(from) ?? [];
      targets.push(to);
      imports.set(from, targets);
    }
  }
  return cyclesOf(imports);
}

/**
 * The two subfolders to which the files belong. They are subfolders of the deepest folder that contains both files.
 * Empty if one of the files is directly in that folder.
 */
function siblingFolders(path: string, target: string): [from: string, to: string] | [] {
  const own = foldersOf(path);
  const theirs = foldersOf(target);
  const parting = own.findIndex((name, index) => name !== theirs[index]);
  if (parting === -1 || parting >= theirs.length) return [];
  return [own.slice(0, parting + 1).join('/'), theirs.slice(0, parting + 1).join('/')];
}

/** The folders of a path, outermost first. A package counts as one folder, like core/, handlers/ and services/. */
function foldersOf(path: string): string[] {
  return posix
    .dirname(path)
    .replace(/^packages\//, 'packages#')
    .split('/');
}

function cyclesOf(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const reachable = new Map([...imports.keys()].map((path) => [path, reachableFrom(path, imports)]));
  const seen = new Set<string>();
  const cycles: string[][] = [];
  for (const [path, reached] of reachable) {
    if (seen.has(path) || !reached.has(path)) continue;
    const cycle = [...reached].filter((other) => reachable.get(other)?.has(path)).toSorted();
    for (const member of cycle) seen.add(member);
    cycles.push(cycle);
  }
  return cycles;
}

function targetsOf(source: SourceText): string[] {
  return importsOf(source)
    .map(({ from }) => targetOf(source.path, from))
    .filter((target) => target !== null);
}

/**
 * The files that can be reached by one or more imports. The file itself is among them only if it is part of a cycle.
 */
function reachableFrom(path: string, imports: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>();
  const next = [...(imports.get(path) ?? [])];
  for (let target = next.pop(); target !== undefined; target = next.pop()) {
    if (reached.has(target)) continue;
    reached.add(target);
    next.push(...(imports.get(target) ?? []));
  }
  return reached;
}
