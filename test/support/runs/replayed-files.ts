import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * A call that starts a Restate server with the settings of this part. A stack in its own process has the
 * settings of users.
 */
const STARTS_RESTATE = /(?<!function )\b(?:startRestate|startStack)\(/;

/**
 * Marks a file that tests something other than handlers, or waits for clocks. The comment names the file that
 * also runs its handlers.
 */
const NOT_REPLAYED = /^\/\/ Not replayed: /m;

/**
 * The paths of the integration tests in which a Restate runs, relative to the root. Running the other tests
 * again with a Restate that replays after every step would prove nothing more.
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
  // A file that imports itself in a cycle is visited once.
  known.set(file, false);
  const text = readFileSync(file, 'utf8');
  const answer =
    STARTS_RESTATE.test(text) ||
    [...text.matchAll(/from '(\.[^']+)'/g)]
      .map(([, path = '']) => join(dirname(file), path))
      // The product's own code starts no server when it is imported.
      .filter((path) => path.includes('/test/') && existsSync(path))
      .some((path) => reaches(path, known));
  known.set(file, answer);
  return answer;
}
