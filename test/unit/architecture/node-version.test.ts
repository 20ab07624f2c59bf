import { spawnSync } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';

import { ROOT } from './source-files.ts';

test('the tests run on the Node version of the project, and not on the Node version of the machine', async () => {
  const brought = await readFile(join(ROOT, 'node_modules/node/package.json'), 'utf8');
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(brought));
  expect(process.version).toBe(`v${version}`);
});

test('the recorded digests of the Node binary cover its locked version on every supported Linux architecture', async () => {
  const lock = z.object({
    packages: z.record(z.string(), z.looseObject({ version: z.string().optional() })),
  });
  const { packages } = lock.parse(JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')));
  const version = packages['node_modules/node']?.version;
  const recorded = (await readFile(join(ROOT, '.ci/node-binary.sha256'), 'utf8')).trim().split('\n');
  expect(recorded).toEqual(
    ['x64', 'arm64'].map(
      (cpu) =>
        expect.stringMatching(new RegExp(`^[0-9a-f]{64}  node-linux-${cpu}@${version}/bin/node$`)) as string,
    ),
  );
});

test.skipIf(process.platform !== 'linux')(
  'CI refuses a Node binary whose digest differs from the recorded one',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pointsman-verify-node-'));
    try {
      await cp(join(ROOT, '.ci'), join(folder, '.ci'), { recursive: true });
      await mkdir(join(folder, 'node_modules/node/bin'), { recursive: true });
      await cp(join(ROOT, 'node_modules/node/package.json'), join(folder, 'node_modules/node/package.json'));
      const verify = () => spawnSync(join(folder, '.ci/verify-node'), { encoding: 'utf8' });
      await cp(join(ROOT, 'node_modules/node/bin/node'), join(folder, 'node_modules/node/bin/node'));
      expect(verify()).toMatchObject({ status: 0, stderr: '' });
      await appendFile(join(folder, 'node_modules/node/bin/node'), 'x');
      expect(verify()).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('Do not run it') as string,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
