import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path of the bundle that the demo publishes, relative to the project's folder. */
export const EXAMPLE = 'examples/support-bot';

/**
 * Copies the example bundle into `folder` and makes a realistic change in the copy. Returns the path of the
 * copy.
 */
export async function changedBundle(folder: string): Promise<string> {
  const copy = join(folder, 'support-bot');
  await cp(fileURLToPath(new URL(`../../../${EXAMPLE}`, import.meta.url)), copy, { recursive: true });
  await edit(join(copy, 'agents/billing.yaml'), /refundCents: \d+/, 'refundCents: 20000');
  return copy;
}

async function edit(path: string, pattern: RegExp, replacement: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  if (!pattern.test(text)) throw new Error(`${path} has no match for ${pattern.source}: fix the demo`);
  await writeFile(path, text.replace(pattern, replacement));
}
