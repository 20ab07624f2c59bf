import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { connection } from '../../../../packages/cli/connection/connection.ts';
import { packDirectory } from '../../../../packages/cli/source/pack.ts';
import { runCli } from '../../../support/runs/run-cli.ts';

let repository: string;
let before: string;

beforeEach(async () => {
  repository = await mkdtemp(join(tmpdir(), 'pointsman-files-'));
  await mkdir(join(repository, 'config'));
  await writeFile(join(repository, 'outside'), 'the secret\n');
  before = process.cwd();
  process.chdir(repository);
});

afterEach(async () => {
  process.chdir(before);
  await rm(repository, { recursive: true });
});

const link = (target: string, name: string) => symlink(target, join(repository, name));

describe('where a regular file is expected,', () => {
  test.each(['pointsman.yaml', 'a.yaml'])(
    'a symbolic link named %s is refused, and the message names that link',
    async (name) => {
      await link('../outside', `config/${name}`);
      await expect(packDirectory('config')).rejects.toMatchObject({
        exit: 'rejected',
        hints: [expect.stringContaining(`${name} is a symbolic link`)],
      });
    },
  );

  test.each(['../outside', '/dev/zero', 'nowhere'])(
    'an ignore file that links to %s ends the publish immediately without being read',
    async (target) => {
      await link(target, 'config/.pointsmanignore');
      await expect(packDirectory('config')).rejects.toMatchObject({
        exit: 'usage',
        message: ".pointsmanignore can't be read: it is a symbolic link.",
      });
    },
  );

  test('FIFOs in place of ignore files, policies and files of the data directory do not block the command', async () => {
    await mkdir('.pointsman');
    for (const name of ['config/.pointsmanignore', 'policy.yaml', '.pointsman/api-url', 'config/a.yaml'])
      execFileSync('mkfifo', [name]);
    await expect(packDirectory('config')).rejects.toMatchObject({ exit: 'usage' });
    expect((await runCli(['policy', 'set', 'policy.yaml', '--tenant', 'acme'])).exit).toBe(2);
    expect(connection({}, {})).toEqual({ url: 'http://127.0.0.1:7400', token: null });
    await rm('config/.pointsmanignore');
    await expect(packDirectory('config')).rejects.toMatchObject({
      hints: ['a.yaml is neither a file nor a directory'],
    });
  });

  test('files of the data directory that link to a device are not read', async () => {
    await mkdir('.pointsman');
    await link('/dev/zero', '.pointsman/api-url');
    await link('/dev/zero', '.pointsman/admin-token');
    expect(connection({}, {})).toEqual({ url: 'http://127.0.0.1:7400', token: null });
  });
});

test('a source that is too large in total is refused before it is read to its end', async () => {
  const full = Buffer.alloc(8 * 1024 * 1024);
  for (let nth = 0; nth < 5; nth++) await writeFile(join(repository, `config/${nth}.bin`), full);
  // This file is itself too large, which would otherwise be reported as its own problem.
  await writeFile(join(repository, 'config/z.bin'), Buffer.alloc(8 * 1024 * 1024 + 1));
  await expect(packDirectory('config')).rejects.toMatchObject({
    hints: [expect.stringMatching(/^all files together are larger than 33554432 bytes/)],
  });
});
