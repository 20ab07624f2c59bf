import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..');

/**
 * Extracts the commands of a documentation page that begin with those words, as the arguments that a shell would pass. A line may continue
 * after a backslash, and an argument may be in single quotes. The pages use no other shell syntax.
 */
export async function pageCommands(page: string, begin: string): Promise<string[][]> {
  const text = (await readFile(join(root, page), 'utf8')).replaceAll(/\\\n\s*/g, '');
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${begin} `))
    .map((line) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''));
}
