import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { artifactOf } from './compile-here.ts';

const folder = join(import.meta.dirname, '../../../examples/support-bot');

async function exampleFiles(): Promise<{ [path: string]: Uint8Array }> {
  const listed = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = listed.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [relative(folder, path), await readFile(path)] as const)),
  );
}

test('the example bundle compiles, and its channel "staging" differs from the base only where the overlay changes it', async () => {
  const files = await exampleFiles();
  const base = await artifactOf(files);
  const staging = await artifactOf(files, 'staging');
  expect(Object.keys(base)).toEqual([
    'agents/billing.yaml',
    'agents/triage.yaml',
    'prompts/billing.md',
    'prompts/triage.md',
    'tools/find-order.yaml',
    'tools/refund.js',
    'tools/refund.yaml',
  ]);
  const differing = Object.keys(base).filter((path) => base[path] !== staging[path]);
  expect(differing).toEqual(['agents/billing.yaml', 'tools/refund.yaml']);
  expect(JSON.parse(staging['agents/billing.yaml'] ?? '')).toMatchObject({
    model: { name: 'small-2', temperature: 0.2 },
    limits: { turns: 12, refundCents: 100 },
  });
});
