import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** The source that determines how a handler runs: the handlers, and the code that they import. */
const FOLDERS = ['core', 'handlers', 'packages/protocol'];

/**
 * Identifies the handlers of this build: 12 hex digits over the relative path and content of every source
 * file in `core/`, `handlers/` and `packages/protocol/`, sub-folders included. Restate reads a deployment's handlers once per URL,
 * so each build registers under its own URL. Two processes of one build share the URL. The ID is not a fence:
 * a worker serves every journal that Restate sends it.
 */
export function buildId(project: string = PROJECT): string {
  const hash = createHash('sha256');
  for (const path of sourcePaths(project))
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(project, path)))
      .update('\0');
  return hash.digest('hex').slice(0, 12);
}

/**
 * Sorted, and with forward slashes, because the order and the separator of paths differ between file systems.
 */
function sourcePaths(project: string): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(project, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.[jt]s$/.test(entry.name))
      .map((entry) => relative(project, join(entry.parentPath, entry.name)).replaceAll(sep, '/')),
  ).toSorted();
}
