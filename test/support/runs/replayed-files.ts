import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A call of what starts a Restate server with the settings of this part. A stack in a process of its own has the settings that users have. */
const STARTS_RESTATE = /(?<!function )\b(?:startRestate|startStack)\(/;

/** Of a file that is about something else than handlers, or waits for clocks, and whose handlers another file runs as well; it says which. */
const NOT_REPLAYED = /^\/\/ Not replayed: /m;

/**
 * The integration tests in which a Restate runs, from the root. Running the others once more, with Restate replaying after every step, would prove
 * nothing a second time.
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
  // Whoever imports itself in a circle is asked about once.
  known.set(file, false);
  const text = readFileSync(file, 'utf8');
  const answer =
    STARTS_RESTATE.test(text) ||
    [...text.matchAll(/from '(\.[^']+)'/g)]
      .map(([, path = '']) => join(dirname(file), path))
      // The product's own code starts nothing by being imported.
      .filter((path) => path.includes('/test/') && existsSync(path))
      .some((path) => reaches(path, known));
  known.set(file, answer);
  return answer;
}
