import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';

import type { SourceText } from './syntax.ts';

/** The project's folder. */
export const ROOT = join(import.meta.dirname, '../../..');

/** The folders of the product. */
export const PRODUCT = ['core', 'handlers', 'services', 'packages'];

/** Every TypeScript file of the product and its tests, read from the disk. */
export async function readSourceFiles(
  folders: readonly string[] = [...PRODUCT, 'test'],
): Promise<SourceText[]> {
  const paths: string[] = [];
  for await (const path of glob(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: ROOT },
  ))
    paths.push(path);
  const own = paths.filter((path) => !path.includes('node_modules'));
  return own.toSorted().map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}
