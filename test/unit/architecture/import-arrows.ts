import { builtinModules } from 'node:module';

import { type Import, importsOf, targetOf } from './imports.ts';
import { type Fault, lineOf, type SourceText } from './syntax.ts';

/**
 * Reports every import that is not allowed between the parts of the project. Each part may import only the listed
 * parts.
 */
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

/** The part of the project to which a path belongs: its first folder, or its first two for a package. */
function partOf(path: string): string {
  const [area = '', name = ''] = path.split('/');
  return area === 'packages' ? `${area}/${name}` : area;
}

/** By part: the other parts that it may import. Further rules below restrict imports of services/ and handlers/. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'packages/protocol': [],
  'packages/client': ['packages/protocol'],
  'packages/cli': ['packages/protocol', 'packages/client'],
  'packages/dev': ['packages/protocol', 'core', 'services'],
  core: ['packages/protocol'],
  handlers: ['packages/protocol', 'core'],
  services: ['packages/protocol', 'packages/client', 'core', 'handlers'],
};

function whyNot(path: string, { from, typeOnly }: Import, processes: ReadonlySet<string>): string | null {
  const part = partOf(path);
  const target = targetOf(path, from);
  if (target === null) return whyNoPackage(path, part, from);
  const targetPart = partOf(target);
  if (part === 'test') return null;
  if (targetPart === part) return whyNotWithin(part, path, target, processes);
  if (targetPart.startsWith('packages/') && from.startsWith('.'))
    return `a package is imported by its name: ${target}`;
  if (targetPart === 'test') return 'the product imports nothing of its tests';
  if (target === 'package.json' && part === 'services') return null;
  if (!(ARROWS[part] ?? []).includes(targetPart)) return `${part}/ does not import ${target}`;
  if (targetPart === 'handlers') return whyNoHandler(path, target, typeOnly);
  return targetPart === 'services' ? whyNoService(path, target, processes) : null;
}

function whyNotWithin(
  part: string,
  path: string,
  target: string,
  processes: ReadonlySet<string>,
): string | null {
  if (part === 'services') return whyNoService(path, target, processes);
  // services/postgres imports the ports. If the ports imported handlers, services/postgres would load them too.
  if (path.startsWith('handlers/ports/') && !/^handlers\/(?:contract|ports)\//.test(target))
    return 'handlers/ports/ imports handlers/contract/, and no other handlers';
  return null;
}

/**
 * By part: the npm packages that it may import. Only pure or durable parts, and those that users install, are
 * restricted. The rest of the server may use any dependency.
 */
const OUTSIDE: Readonly<Record<string, ReadonlySet<string>>> = {
  'packages/protocol': new Set(['zod', 'canonicalize']),
  'packages/client': new Set(['zod', 'undici', 'eventsource-parser', 'redis', 'amqplib']),
  'packages/cli': new Set(['zod', 'commander', 'diff', 'ignore', 'ipaddr.js', 'tar-stream', 'yaml']),
  core: new Set(['zod']),
  handlers: new Set(['zod', '@restatedev/restate-sdk']),
};

function whyNoPackage(path: string, part: string, from: string): string | null {
  const isBuiltin = from.startsWith('node:') || builtinModules.includes(from);
  if (isBuiltin && !from.startsWith('node:')) return `import it as node:${from}`;
  if (isBuiltin && part.startsWith('packages/')) return null;
  // These files use only the time zones and the calendar of the library. They do not read its clock, so they stay
  // deterministic.
  if (/^core\/gates\/(?:window|iso-time)\.ts$/.test(path) && from === 'temporal-polyfill') return null;
  const allowed = OUTSIDE[part];
  return allowed === undefined || allowed.has(from) ? null : `${part}/ does not import ${from}`;
}

function whyNoHandler(path: string, target: string, typeOnly: boolean): string | null {
  const [, room = ''] = target.split('/');
  if (path.startsWith('services/worker/') || room === 'contract') return null;
  // services/postgres uses the schemas of the ports to parse the results of its SQL functions.
  if (room === 'ports' && (typeOnly || path.startsWith('services/postgres/'))) return null;
  return (
    'services/ imports handlers/contract/ and the types of handlers/ports/, services/postgres also its schemas; ' +
    'only services/worker joins the rest'
  );
}

function whyNoService(path: string, target: string, processes: ReadonlySet<string>): string | null {
  const [, own = ''] = path.split('/');
  const [, theirs = ''] = target.split('/');
  const isOwn = path.startsWith('services/') && theirs === own;
  return !isOwn && processes.has(theirs) ? `services/${theirs} is a process: no other imports it` : null;
}
