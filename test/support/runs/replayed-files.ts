import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Matches a call that starts a Restate server with the settings of the replay run. A stack in its own process always
 * has the settings of users, so calls that start one do not match.
 */
const STARTS_RESTATE = /(?<!function )\b(?:startRestate|startStack)\(/;

/**
 * Matches the comment of a file that tests something other than handlers, or that depends on clocks. The comment also
 * names a file that runs the same handlers.
 */
const NOT_REPLAYED = /^\/\/ This file is not part of the replay run\b/m;

/**
 * The paths, relative to the root, of the integration tests that the replay run includes. Those are the tests that
 * run Restate, because the setting has no effect on others.
 */
export function filesWithRestate(root: string): string[] {
  const known = new Map<string, boolean>();
  return globSync('test/integration/**/*.test.ts', { cwd: root })
    .filter(
      (file) =>
        reaches(join(root, file), known) && !NOT_REPLAYED.test(readFileSync(join(root, file), 'utf8')),
    )
    .toSorted();
}

function reaches(file: string, known: Map<string, boolean>): boolean {
  const before = known.get(file);
  if (before !== undefined) return before;
  // Marks the file before its imports are read, so that a cycle of imports ends.
  known.set(file, false);
  const text = readFileSync(file, 'utf8');
  const answer =
    STARTS_RESTATE.test(text) ||
    [...text.matchAll(/from '(\.[^']+)'/g)]
      .map(([, path = '']) => join(dirname(file), path))
      // Skips the product's own code, because importing it starts no server.
      .filter((path) => path.includes('/test/') && existsSync(path))
      .some((path) => reaches(path, known));
  known.set(file, answer);
  return answer;
}
