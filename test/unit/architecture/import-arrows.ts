import { builtinModules } from 'node:module';
import { posix } from 'node:path';

import { type Import, importsOf } from './imports.ts';
import { type Fault, lineOf, type SourceText } from './syntax.ts';

/** Where each folder may reach, and why not further. Everything that is not listed here may be imported by nobody. */
export function importFaults(sources: readonly SourceText[]): Fault[] {
  const processes = new Set(
    sources
      .map(({ path }) => /^services\/([^/]+)\/main\.ts$/.exec(path)?.[1])
      .filter((name) => name !== undefined),
  );
  return sources.flatMap((source) =>
    importsOf(source).flatMap((one): Fault[] => {
      const message = whyNot(source.path, one, processes);
      if (message === null) return [];
      return [{ path: source.path, line: lineOf(source, one.node), rule: 'import-arrows', message }];
    }),
  );
}

function whyNot(path: string, { from, typeOnly }: Import, processes: ReadonlySet<string>): string | null {
  const [area = ''] = path.split('/');
  if (!from.startsWith('.')) return whyNoPackage(path, area, from);
  const target = posix.join(posix.dirname(path), from);
  const [targetArea = ''] = target.split('/');
  if (target.startsWith('../')) return `${from} is outside of the project`;
  if (targetArea === 'core') return null;
  if (area === 'test') return null;
  if (targetArea === 'test') return 'the product imports nothing of its tests';
  if (area === 'core') return 'core/ imports nothing of ours';
  if (area === 'handlers')
    return targetArea === 'handlers' ? null : 'handlers/ imports core/ and itself only';
  if (targetArea === 'handlers') return whyNoHandler(path, target, typeOnly);
  return whyNoService(path, target, processes);
}

/** What the pure part and the durable part may use: nothing that reads a clock, a disk or a socket. */
const PURE_PACKAGES = new Set(['zod', 'canonicalize']);
const DURABLE_PACKAGES = new Set(['zod', '@restatedev/restate-sdk']);

function whyNoPackage(path: string, area: string, from: string): string | null {
  const builtin = from.startsWith('node:') || builtinModules.includes(from);
  if (builtin && !from.startsWith('node:')) return `say node:${from}`;
  if (path === 'core/digest.ts' && from === 'node:crypto') return null;
  // Time zones and the calendar are data; the clock that comes with them is not asked.
  if (/^core\/gates\/(?:window|iso-time)\.ts$/.test(path) && from === 'temporal-polyfill') return null;
  if (area === 'core' && !PURE_PACKAGES.has(from)) return `core/ is pure: ${from} is not`;
  if (area === 'handlers' && !DURABLE_PACKAGES.has(from))
    return `handlers/ reach the world through deps.ts, not ${from}`;
  return null;
}

function whyNoHandler(path: string, target: string, typeOnly: boolean): string | null {
  const [, room = ''] = target.split('/');
  if (path.startsWith('services/worker/') || room === 'contract') return null;
  if (room === 'ports' && typeOnly) return null;
  return 'services/ import handlers/contract/ and the types of handlers/ports/; only services/worker joins the rest';
}

function whyNoService(path: string, target: string, processes: ReadonlySet<string>): string | null {
  const [, own = ''] = path.split('/');
  const [area, theirs = ''] = target.split('/');
  if (target === 'package.json') return null;
  if (area !== 'services') return `nobody imports ${target}`;
  return theirs !== own && processes.has(theirs)
    ? `services/${theirs} is a process: no other imports it`
    : null;
}
