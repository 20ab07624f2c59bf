import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';

import { ROOT } from './source-files.ts';

test('the tests run on the Node that the project brings, whatever the machine has', async () => {
  const brought = await readFile(join(ROOT, 'node_modules/node/package.json'), 'utf8');
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(brought));
  expect(process.version).toBe(`v${version}`);
});
