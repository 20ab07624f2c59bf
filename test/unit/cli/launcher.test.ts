import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

import { json, release, scriptedApi } from './scripted-api.ts';

const LAUNCHER = fileURLToPath(new URL('../../../packages/cli/pointsman.js', import.meta.url));

/** An installed version of Node that can't run TypeScript. Null if this machine has none. */
const oldNode =
  ['/usr/bin/node', '/usr/local/bin/node', '/opt/homebrew/bin/node'].find((path) => {
    if (!existsSync(path)) return false;
    const [major = 0, minor = 0] = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' })
      .stdout.split('.')
      .map(Number);
    return major < 22 || (major === 22 && minor < 18);
  }) ?? null;

describe('the installed command', () => {
  test('runs with the current Node when that is new enough', () => {
    const { status, stdout } = spawnSync(process.execPath, [LAUNCHER, '--version'], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '0.1.0\n' });
  });

  test('returns the exit code of its command', () => {
    const { status } = spawnSync(process.execPath, [LAUNCHER, 'nonsense'], { encoding: 'utf8' });
    expect(status).toBe(2);
  });
});

describe.skipIf(oldNode === null)('the installed command under an old Node', () => {
  const node = oldNode ?? '';

  test('runs with the Node of the project, with unchanged arguments, output and exit code', () => {
    const help = spawnSync(node, [LAUNCHER, 'help', 'exit-codes'], { encoding: 'utf8' });
    expect(help).toMatchObject({ status: 0, stderr: '' });
    expect(help.stdout).toContain('Exit codes:');
    expect(spawnSync(node, [LAUNCHER, 'show', '../x'], { encoding: 'utf8' }).status).toBe(2);
  });

  test('forwards a signal to its command, and exits with the code of that command', async () => {
    let asked = (): void => {};
    const isWaiting = new Promise<void>((resolve) => (asked = resolve));
    const api = await scriptedApi({
      'GET /v1/tenants/acme/bundles/bot/releases/1': (seen, response) => {
        json(release())(seen, response);
        asked();
      },
    });
    try {
      const args = ['watch', '1', '--tenant', 'acme', '--bundle', 'bot', '--url', api.url, '--token', 't'];
      const child = spawn(node, [LAUNCHER, ...args], { stdio: 'ignore' });
      await isWaiting;
      child.kill('SIGTERM');
      expect(await once(child, 'exit')).toEqual([130, null]);
    } finally {
      await api.close();
    }
  });

  test('prints the required Node version when the project has no Node of its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pointsman-launcher-'));
    try {
      await cp(LAUNCHER, join(folder, 'pointsman.mjs'));
      const { status, stderr } = spawnSync(node, [join(folder, 'pointsman.mjs')], { encoding: 'utf8' });
      expect(status).toBe(1);
      expect(stderr).toContain('needs Node 22.18');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
