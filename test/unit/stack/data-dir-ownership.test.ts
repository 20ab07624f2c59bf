import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { ForeignDataDirError, refuseForeignDataDir } from '../../../packages/dev/stack/data-dir-ownership.ts';

let folder: string;
let home: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-data-dir-'));
  home = join(folder, '.pointsman');
  await mkdir(join(home, 'run'), { recursive: true, mode: 0o700 });
  await chmod(home, 0o711);
  await writeFile(join(home, 'admin-token.sha256'), 'a hash\n', { mode: 0o600 });
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.com', ...args], { cwd: folder });

/** The reason why the folder is refused. Null if it is accepted. */
const refusal = (path: string): Promise<string | null> =>
  refuseForeignDataDir(path).then(
    () => null,
    (error: unknown) => String(error),
  );

describe('a data directory is accepted', () => {
  test('when it is missing, when it is empty, and when no other user can read it', async () => {
    expect(await refusal(home)).toBeNull();
    expect(await refusal(join(folder, 'none'))).toBeNull();
    await mkdir(join(folder, 'empty'));
    expect(await refusal(join(folder, 'empty'))).toBeNull();
  });

  test('when it also contains other files, and when its path contains a link', async () => {
    await writeFile(join(home, 'notes.md'), 'x', { mode: 0o644 });
    await writeFile(join(home, '.gitignore'), '*\n', { mode: 0o644 });
    await symlink(home, join(folder, 'link'));
    expect(await refusal(join(folder, 'link'))).toBeNull();
  });

  test('when its repository ignores it', async () => {
    git('init', '-q');
    await writeFile(join(folder, '.gitignore'), '.pointsman/\n');
    git('add', '-A');
    expect(await refusal(home)).toBeNull();
  });
});

describe('a data directory is refused', () => {
  test('when it came with a cloned repository, because every user can read its token hash and another person has chosen that hash', async () => {
    git('init', '-q');
    git('add', '-A');
    git('commit', '-qm', 'x');
    const clone = join(folder, 'clone');
    execFileSync('git', ['clone', '-q', folder, clone]);
    await rm(join(clone, '.git'), { recursive: true });
    await expect(refuseForeignDataDir(join(clone, '.pointsman'))).rejects.toThrow(
      /clone\/\.pointsman\/admin-token\.sha256 is open to other users\. Another person may have written it/,
    );
  });

  test('when git tracks one of its files, with any permissions', async () => {
    git('init', '-q');
    git('add', '-A');
    await expect(refuseForeignDataDir(home)).rejects.toThrow(/\.pointsman has files that are tracked by git/);
  });

  test('when git tracks its files, and a program that the git configuration names is not run', async () => {
    git('init', '-q');
    git('add', '-A');
    await writeFile(join(folder, 'monitor'), `#!/bin/sh\ntouch ${folder}/ran\n`, { mode: 0o755 });
    git('config', 'core.fsmonitor', join(folder, 'monitor'));
    await expect(refuseForeignDataDir(home)).rejects.toThrow('tracked by git');
    await expect(rename(join(folder, 'ran'), join(folder, 'has run'))).rejects.toThrow('ENOENT');
  });

  test.each(['admin-token', 'admin-token.half', 'postgres', 'secret-key.half', 'logs'])(
    'when its file or folder %s is a symbolic link, through which secrets would be written elsewhere',
    async (name) => {
      await symlink(folder, join(home, name));
      await expect(refuseForeignDataDir(home)).rejects.toThrow('is neither a regular file nor a folder');
    },
  );

  test('when other users can write to it', async () => {
    await chmod(home, 0o730);
    await expect(refuseForeignDataDir(home)).rejects.toThrow(ForeignDataDirError);
    await expect(refuseForeignDataDir(home)).rejects.toThrow(/\.pointsman is open to other users/);
  });

  test.runIf(process.getuid?.() === 0)('when it, or one of its files, belongs to another user', async () => {
    for (const name of ['postgres', 'postgres.half-made-17']) {
      await mkdir(join(home, name), { mode: 0o700 });
      await chown(join(home, name), 1000, 1000);
    }
    expect(await refusal(home)).toBeNull();
    await chown(join(home, 'admin-token.sha256'), 1000, 1000);
    await expect(refuseForeignDataDir(home)).rejects.toThrow('admin-token.sha256 belongs to another user');
    await chown(home, 1000, 1000);
    await expect(refuseForeignDataDir(home)).rejects.toThrow(/\.pointsman belongs to another user/);
  });
});
