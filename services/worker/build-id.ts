import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The source folders that the build ID covers, by name. They contain the handlers and the code that the handlers
 * import. The names of the folders are part of the ID.
 */
export type HandlerSource = Readonly<Record<string, string>>;

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

const OWN: HandlerSource = {
  core: join(PROJECT, 'core'),
  handlers: join(PROJECT, 'handlers'),
  // `@pointsman/protocol` is a separate package, which may be installed elsewhere.
  protocol: dirname(fileURLToPath(import.meta.resolve('@pointsman/protocol/identifiers'))),
};

/**
 * Returns the ID of the handlers of this build: 12 hex digits of a hash over `core/`, `handlers/` and
 * `@pointsman/protocol`. The hash covers the relative path and the content of every source file, including those in
 * subfolders.
 *
 * Restate discovers the handlers of a URL only once, so each build registers under a URL that contains its ID.
 * Processes of the same build share the URL. The ID does not prevent an older build from running: a worker handles
 * every invocation that Restate sends to it.
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

/**
 * Returns the relative paths of the source files of a folder. They are sorted and use forward slashes, because order
 * and separator depend on the file system.
 */
function sourcePaths(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.d)\.[jt]s$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .filter((path) => !path.startsWith('node_modules/'))
    .toSorted();
}
