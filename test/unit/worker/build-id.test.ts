import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { buildId } from '../../../services/worker/build-id.ts';

const FILES: Readonly<Record<string, string>> = {
  'core/releases/slot.ts': 'export const slot = 1;\n',
  'core/limits/queue.ts': 'export const queue = 10;\n',
  'packages/protocol/releases/release.ts': 'export const release = 1;\n',
  'handlers/tenant/tenant.ts': 'export const tenant = 1;\n',
  'handlers/release/stages/store.ts': 'export const store = 1;\n',
};

let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'pointsman-build-'));
  await write(Object.entries(FILES));
});

afterEach(() => rm(project, { recursive: true }));

test.each(Object.keys(FILES))('a change of the file %s changes the build id', async (path) => {
  const before = buildId(sourceIn(project));
  await write([[path, 'export const other = 2;\n']]);
  expect(buildId(sourceIn(project))).not.toBe(before);
});

test('moving a file to another sub-folder changes the build id', async () => {
  const before = buildId(sourceIn(project));
  await mkdir(join(project, 'handlers/release/steps'));
  await rename(
    join(project, 'handlers/release/stages/store.ts'),
    join(project, 'handlers/release/steps/store.ts'),
  );
  expect(buildId(sourceIn(project))).not.toBe(before);
});

test('the same files give the same build id, in whatever order they were written', async () => {
  const before = buildId(sourceIn(project));
  await rm(project, { recursive: true });
  await write(Object.entries(FILES).toReversed());
  expect(buildId(sourceIn(project))).toBe(before);
});

test('files that no handler runs do not change the build id', async () => {
  const before = buildId(sourceIn(project));
  await write([
    ['handlers/release/notes.md', 'notes\n'],
    ['services/worker/main.ts', 'run();\n'],
    ['packages/client/http.ts', 'call();\n'],
  ]);
  expect(buildId(sourceIn(project))).toBe(before);
});

test('the id of the current build is 12 hex digits', () => {
  expect(buildId()).toMatch(/^[0-9a-f]{12}$/);
});

/** A project's source folders, all of which exist. */
function sourceIn(folder: string) {
  return {
    core: join(folder, 'core'),
    handlers: join(folder, 'handlers'),
    protocol: join(folder, 'packages/protocol'),
  };
}

async function write(files: readonly (readonly [string, string])[]): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(dirname(join(project, path)), { recursive: true });
    await writeFile(join(project, path), text);
  }
}
