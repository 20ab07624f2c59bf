import { posix } from 'node:path';

import { importsOf } from './imports.ts';
import type { SourceText } from './syntax.ts';

/**
 * The cycles of imports among these files, each as its sorted paths: the strongly connected components of more than one file, and files
 * that import themselves. An import of types alone counts: it costs nothing at run time, but neither file can be understood, moved or tested
 * without the other.
 */
export function importCycles(sources: readonly SourceText[]): string[][] {
  const imports = new Map(sources.map((source) => [source.path, targetsOf(source)]));
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
    .filter(({ from }) => from.startsWith('.'))
    .map(({ from }) => posix.join(posix.dirname(source.path), from));
}

/** What can be reached by one import or more; the file itself only if it is in a cycle. */
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
