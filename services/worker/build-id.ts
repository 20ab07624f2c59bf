import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The source folders that determine the behaviour of a handler: the handlers, and the code that they import. The keys
 * are the names of the folders in the build ID.
 */
export type HandlerSource = Readonly<Record<string, string>>;

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

const OWN: HandlerSource = {
  core: join(PROJECT, 'core'),
  handlers: join(PROJECT, 'handlers'),
  // This is a separate package, which may be installed in another location.
  protocol: dirname(fileURLToPath(import.meta.resolve('@pointsman/protocol/identifiers'))),
};

/**
 * Identifies the handlers of this build. The ID is 12 hex digits of a hash over the relative path and content of every
 * source file in `core/`, `handlers/` and `@pointsman/protocol`, including subfolders. Restate reads a deployment's
 * handlers once per URL, so each build registers under its own URL. Two processes of one build share the URL. The ID is
 * not a fence: a worker serves every journal that Restate sends it.
 */
export function buildId(source: HandlerSource = OWN): string {
  const hash = createHash('sha256');
  for (const [name, folder] of Object.entries(source)) {
    for (const path of sourcePaths(folder)) {
      hash
        .update(`${name}/${path}\0`)
        .update(readFileSync(join(folder, path)))
        .update('\0');
    }
  }
  return hash.digest('hex').slice(0, 12);
}

/** The paths are sorted and use forward slashes, because the order and the separator differ between file systems. */
function sourcePaths(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.d)\.[jt]s$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .filter((path) => !path.startsWith('node_modules/'))
    .toSorted();
}
