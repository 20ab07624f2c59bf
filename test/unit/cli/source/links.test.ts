import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { runCli } from '../../../support/runs/run-cli.ts';
import { problem, scriptedApi } from '../scripted-api.ts';

// Creates a repository by an untrusted author, next to another folder of the same machine that does not belong to it.

let machine: string;
let repository: string;
let before: string;

beforeEach(async () => {
  machine = await realpath(await mkdtemp(join(tmpdir(), 'pointsman-links-')));
  repository = join(machine, 'repository');
  await mkdir(join(machine, 'secret/inner'), { recursive: true });
  await mkdir(join(repository, 'config/inner'), { recursive: true });
  await writeFile(join(machine, 'secret/inner/credentials.txt'), 'the secret\n');
  await writeFile(join(machine, 'secret/policy.yaml'), 'the secret\n');
  await writeFile(join(repository, 'config/inner/a.yaml'), 'a: 1\n');
  before = process.cwd();
  process.chdir(repository);
});

afterEach(async () => {
  process.chdir(before);
  await rm(machine, { recursive: true });
});

const list = (path: string) => runCli(['publish', path, '--list']);
const link = (target: string, name: string) => symlink(target, join(repository, name));

describe('a command line path that passes through a symbolic link in the current folder', () => {
  test.each([
    ['is the link', 'link', 'link'],
    ['is the link with a trailing slash', 'link/', 'link'],
    ['is the link with a trailing slash and dot', './link/.', 'link'],
    ['has the link among its parents', 'link/inner', 'link'],
    ['has the link among its parents below others', 'config/../link/inner', 'config/../link'],
    ['leaves the link again', 'link/../secret/inner', 'link'],
    ['comes back from above', '../repository/link/inner', '../repository/link'],
  ])('is refused when it %s, and the error names the link', async (_what, path, named) => {
    await link('../secret', 'link');
    const { exit, stdout, stderr } = await list(path);
    expect([exit, stdout]).toEqual([3, '']);
    expect(stderr).toContain(`error ${named} is a symbolic link`);
    const absolute = await list(`${repository}/${path}`);
    expect([absolute.exit, absolute.stdout]).toEqual([3, '']);
    expect(absolute.stderr).toContain('is a symbolic link');
  });

  test('is refused even when an absolute path reaches that folder through a link outside of it', async () => {
    await link('../secret', 'link');
    await symlink('repository', join(machine, 'way'));
    expect((await list(join(machine, 'way/link/inner'))).exit).toBe(3);
    expect((await list(join(machine, 'way/config'))).stdout).toBe('inner/a.yaml  5 B\n');
  });

  test('is refused even when the link leads back into the folder', async () => {
    await link('config', 'link');
    await link('.', 'self');
    for (const path of ['link', 'self', 'self/config', join(repository, 'self')])
      expect([path, (await list(path)).exit]).toEqual([path, 3]);
  });

  test('is refused for a policy file, and no part of that file is printed', async () => {
    await link('../secret', 'link');
    await link('../secret/policy.yaml', 'policy.yaml');
    for (const path of ['policy.yaml', 'link/policy.yaml']) {
      const { exit, stdout, stderr } = await runCli(['policy', 'set', path, '--tenant', 'acme']);
      expect([exit, stdout]).toEqual([3, '']);
      expect(stderr).toContain('is a symbolic link');
      expect(stderr).not.toContain('the secret');
    }
  });
});

describe('a command line path that does not pass through a symbolic link in the current folder', () => {
  test('is accepted for the folder itself, for a folder above it, and for a link from above to the folder', async () => {
    await symlink('repository', join(machine, 'way'));
    const file = 'inner/a.yaml  5 B\n';
    expect((await list('config')).stdout).toBe(file);
    expect((await list('../repository/config')).stdout).toBe(file);
    expect((await list(join(repository, 'config'))).stdout).toBe(file);
    expect((await list(join(machine, 'way/config/'))).stdout).toBe(file);
    expect((await list(join(machine, 'way'))).stdout).toBe('config/inner/a.yaml  5 B\n');
    expect((await list('.')).stdout).toBe('config/inner/a.yaml  5 B\n');
  });
});

test('a line of a file outside the source is never printed, even when a diagnostic names a path through a link', async () => {
  await writeFile(join(repository, 'config/.pointsmanignore'), 'link\n');
  await link('../../secret', 'config/link');
  const at = { line: 1, column: 1, pointer: '', code: 'x', message: 'wrong' };
  const diagnostics = ['link/policy.yaml', 'inner/a.yaml'].map((path) => ({ path, ...at }));
  const api = await scriptedApi({
    'POST /v1/tenants/acme/bundles/bot/releases': problem(422, 'invalid_source', 'The source has problems.', {
      diagnostics,
    }),
  });
  try {
    const args = ['publish', 'config', '--tenant', 'acme', '--bundle', 'bot'];
    const { stderr } = await runCli(args, { env: { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't' } });
    expect(stderr).toContain('link/policy.yaml:1:1');
    expect(stderr).toContain('a: 1');
    expect(stderr).not.toContain('the secret');
  } finally {
    await api.close();
  }
});
