import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { packDirectory } from '../../../../packages/cli/source/pack.ts';
import { runCli } from '../../../support/runs/run-cli.ts';
import { cliLimits } from '../../../../packages/cli/limits.ts';
import { problem, scriptedApi } from '../scripted-api.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-ignore-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

async function packed(): Promise<{ sent: string[]; ignored: readonly string[] }> {
  const { files, ignored } = await packDirectory(folder);
  return { sent: files.map(({ path }) => path), ignored };
}

const list = (...paths: string[]) => Object.fromEntries(paths.map((path) => [path, 'x']));

describe('a file that is ignored by default', () => {
  test('has a name that is typical of secrets or leftover files, and no other file is ignored by default', async () => {
    const secret = [
      '.env',
      'a/.env.production',
      'prod.env',
      'tls/server.key',
      'tls/ca.pem',
      'id_rsa',
      'a/b/id_ed25519',
    ];
    const leftOver = ['a.yaml~', 'b.yaml.orig', 'Thumbs.db'];
    const kept = ['a.yaml', 'env', 'key', 'keys.yaml', 'pem/a.md', 'node_modules.md'];
    await write(list(...secret, ...leftOver, ...kept, '.aws/credentials', 'x/node_modules/y/index.js'));
    const { sent, ignored } = await packed();
    expect(sent).toEqual(kept.toSorted());
    expect(ignored).toEqual([...secret, ...leftOver, '.aws/', 'x/node_modules/'].toSorted());
  });

  test('is ignored in upper and lower case, and in any folder', async () => {
    const names =
      `server.pem server.key putty.ppk store.p12 store.pfx store.jks store.keystore id_rsa id_ed25519
      prod.env all.kdbx credentials.json service-account-ci.json service-account.json terraform.tfstate
      terraform.tfstate.backup thumbs.db .netrc .npmrc .pypirc`.split(/\s+/);
    const secret = names.flatMap((name) => {
      const capital = name.replace(/[a-z]/, (letter) => letter.toUpperCase());
      return [`lower/${name}`, `upper/${name.toUpperCase()}`, capital];
    });
    const kept = ['a.yaml', 'credentials.json.md', 'my-service-account.yaml', 'tfstate.md', 'A/KEY'];
    await write(list(...secret, ...kept, 'Node_Modules/a.js', '.GIT/config'));
    const { sent, ignored } = await packed();
    expect(sent).toEqual(kept.toSorted());
    expect(ignored).toEqual([...secret, 'Node_Modules/'].toSorted());
  });

  test('is included again by a line with "!" in the ignore file', async () => {
    await write({
      ...list('.env', '.well-known/a.json', 'ca.pem'),
      '.pointsmanignore': '!.well-known/\n!ca.pem\n',
    });
    expect(await packed()).toEqual({ sent: ['.well-known/a.json', 'ca.pem'], ignored: ['.env'] });
  });

  test('stays ignored, even with "!", inside the repository’s own data and inside the data directory of "npm start"', async () => {
    const never = ['.git/config', '.pointsman/admin-token', 'a/.pointsman/admin-token'];
    await write({ ...list('a.yaml', ...never), '.pointsmanignore': '!.*\n' });
    expect(await packed()).toEqual({ sent: ['a.yaml'], ignored: [] });
  });
});

describe('the ignore file', () => {
  test('has the syntax of .gitignore: comments, folders, anchors, wildcards, and the last line wins', async () => {
    await write({
      ...list(
        'README.md',
        'docs/a.md',
        'docs/keep.md',
        'x/build/a',
        'build.md',
        'a/root',
        'root',
        'A.TXT',
        'a.txt',
      ),
      '.pointsmanignore': '# a comment\ndocs/*\n!docs/keep.md\nbuild/\n/root\n*.txt\n',
    });
    expect(await packed()).toEqual({
      sent: ['A.TXT', 'README.md', 'a/root', 'build.md', 'docs/keep.md'],
      ignored: ['a.txt', 'docs/a.md', 'root', 'x/build/'],
    });
  });

  test('can ignore a file that would otherwise be refused', async () => {
    await write({ ...list('a.yaml'), '.pointsmanignore': 'link\n' });
    await symlink('/etc/passwd', join(folder, 'link'));
    expect(await packed()).toEqual({ sent: ['a.yaml'], ignored: ['link'] });
  });

  test('ends the publish before anything is sent when it cannot be read or is too large', async () => {
    await write(list('a.yaml', '.pointsmanignore/file'));
    await expect(packed()).rejects.toMatchObject({ exit: 'usage' });
    await rm(join(folder, '.pointsmanignore'), { recursive: true });
    await write({ '.pointsmanignore': '#'.repeat(cliLimits.ignoreFileBytes + 1) });
    await expect(packed()).rejects.toThrow('has more than');
  });

  test('is reported together with the ignored files when it ignores every file', async () => {
    await write(list('.env'));
    const { exit, stderr } = await runCli(['publish', folder, '--tenant', 'acme', '--bundle', 'bot']);
    expect(exit).toBe(3);
    expect(stderr).toContain('Ignored: .env');
  });
});

test.each([[[]], [['--dry-run']], [['--no-wait']]])(
  '"pointsman publish --json" with the further arguments %j prints the ignored files on standard error',
  async (more) => {
    await write(list('a.yaml', '.env'));
    const api = await scriptedApi({
      'POST /v1/tenants/acme/bundles/bot/releases': problem(503, 'busy', 'Not now.'),
    });
    try {
      const env = { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't' };
      const args = ['publish', folder, '--tenant', 'acme', '--bundle', 'bot', '--json', ...more];
      const { stdout, stderr } = await runCli(args, { env });
      expect(stderr).toMatch(/^ {2}ignored: \.env \("--list" lists/);
      expect(JSON.parse(stdout)).toHaveProperty('error');
    } finally {
      await api.close();
    }
  },
);

describe('"pointsman publish --list"', () => {
  test('lists the files that it would send and the ignored files, and sends nothing', async () => {
    await write(list('a.yaml', 'b/c.md', '.env'));
    const { exit, stdout, stderr } = await runCli([
      'publish',
      folder,
      '--list',
      '--url',
      'http://127.0.0.1:1',
    ]);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'a.yaml  1 B\nb/c.md  1 B\n' });
    expect(stderr).toBe('ignored  .env\n2 files, 2 B; nothing was sent\n');
  });

  test('prints one document with --json', async () => {
    await write(list('a.yaml', '.env'));
    const { stdout } = await runCli(['publish', folder, '--list', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      files: [{ path: 'a.yaml', bytes: 1 }],
      bytes: 1,
      ignored: ['.env'],
    });
  });
});
