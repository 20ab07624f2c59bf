import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { connection } from '../../../packages/cli/connection/connection.ts';
import { isThisMachine } from '../../../packages/cli/connection/this-machine.ts';

const MAIN = fileURLToPath(new URL('../../../packages/cli/main.ts', import.meta.url));
const STACK = 'http://127.0.0.1:17400';

let folder: string;
let before: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-connection-'));
  await mkdir(join(folder, '.pointsman'));
  before = process.cwd();
});

afterEach(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true });
});

/**
 * Changes the working directory to a folder with these files. Such a folder may be a clone of an untrusted
 * repository.
 */
async function inFolder(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, '.pointsman', name), `${text}\n`);
  process.chdir(folder);
}

describe('the command line sends a token only to the address that belongs to it:', () => {
  test.each([
    ['POINTSMAN_TOKEN', {}, { POINTSMAN_TOKEN: 'ptm_mine' }],
    ['--token', { token: 'ptm_mine' }, {}],
    [
      'POINTSMAN_TOKEN with a relative home',
      {},
      { POINTSMAN_TOKEN: 'ptm_mine', POINTSMAN_HOME: '.pointsman' },
    ],
  ])(
    'the token from %s is not sent to an address that only a file of the current folder names',
    async (_name, options, env) => {
      await inFolder({ 'api-url': STACK });
      expect(() => connection(options, env)).toThrow(
        /The token was not sent: .* comes only from \.pointsman\/api-url/,
      );
      await inFolder({ 'api-url': 'https://evil.example' });
      expect(() => connection(options, env)).toThrow('not this machine');
    },
  );

  test.each([
    ['https://evil.example'],
    ['http://192.0.2.1:7400'],
    ['http://localhost.evil.example'],
    ['http://127.0.0.1.evil.example'],
    ['http://127.0.0.1@evil.example'],
    ['http://localhost:1'],
  ])(
    'the address %s in a file of the current folder is refused because it does not belong to this machine, even with a token in that folder',
    async (url) => {
      await inFolder({ 'api-url': url, 'admin-token': 'ptm_theirs' });
      expect(() => connection({}, {})).toThrow('which is not this machine. Nothing was sent.');
    },
  );

  test('a configured address gets the configured token', async () => {
    await inFolder({ 'api-url': 'https://evil.example', 'admin-token': 'ptm_theirs' });
    const url = 'https://pointsman.example';
    const wanted = { url, token: 'ptm_mine' };
    expect(connection({ url, token: 'ptm_mine' }, {})).toEqual(wanted);
    expect(connection({}, { POINTSMAN_URL: `${url}/`, POINTSMAN_TOKEN: 'ptm_mine' })).toEqual(wanted);
  });

  test('the token of an "npm start" server is sent to that server under each name of this machine, and to no other address', async () => {
    await inFolder({ 'api-url': STACK, 'admin-token': 'ptm_stack' });
    expect(connection({}, {})).toEqual({ url: STACK, token: 'ptm_stack' });
    expect(connection({ url: 'http://localhost:17400/' }, {}).token).toBe('ptm_stack');
    expect(connection({ url: 'https://pointsman.example' }, {}).token).toBeNull();
    expect(connection({ url: 'http://127.0.0.1:17401' }, {}).token).toBeNull();
  });

  test('a token from the environment is sent to an "npm start" server on its default port, even when no address is configured', async () => {
    await inFolder({ 'api-url': 'http://127.0.0.1:7400', 'admin-token': 'ptm_stack' });
    const wanted = { url: 'http://127.0.0.1:7400', token: 'ptm_mine' };
    expect(connection({}, { POINTSMAN_TOKEN: 'ptm_mine' })).toEqual(wanted);
  });

  test('an address in a data directory counts as configured when the directory is configured by an absolute path', async () => {
    await inFolder({ 'api-url': STACK });
    const env = { POINTSMAN_HOME: join(folder, '.pointsman'), POINTSMAN_TOKEN: 'ptm_mine' };
    expect(connection({}, env)).toEqual({ url: STACK, token: 'ptm_mine' });
  });
});

describe('the address of the API must be an origin:', () => {
  const PARTS = [
    ['a path and a query', '/build?t=x&q='],
    ['a path', '/build'],
    ['a second slash', '//'],
    ['a query', '/?q='],
    ['an empty query', '/?'],
    ['a fragment', '/#'],
  ] as const;

  test.each([
    ...PARTS.map(([what, part]) => [what, `${STACK}${part}`]),
    ['user information', 'http://ptm_stack@127.0.0.1:17400'],
    ['another scheme', 'file:///etc/passwd'],
    ['a host name only', 'localhost'],
  ])('nothing is sent to an address with %s, wherever that address is configured', async (_what, url) => {
    await inFolder({ 'api-url': url, 'admin-token': 'ptm_stack' });
    const home = join(folder, '.pointsman');
    expect(() => connection({}, {})).toThrow(/Nothing was sent\.$/);
    expect(() => connection({}, { POINTSMAN_HOME: home })).toThrow(
      /api-url does not contain the origin of an API\. Nothing was sent\.$/,
    );
    expect(() => connection({ url }, {})).toThrow('must be an origin');
    expect(() => connection({}, { POINTSMAN_URL: url })).toThrow('must be an origin');
  });

  test('an invalid address in the data directory does not affect a configured address, and the token in that directory is not sent', async () => {
    await inFolder({ 'api-url': `${STACK}/build`, 'admin-token': 'ptm_stack' });
    expect(connection({ url: STACK }, {})).toEqual({ url: STACK, token: null });
  });
});

test('the installed command sends nothing from a folder whose api-url file names another machine, and prints the setting to use', async () => {
  await inFolder({ 'api-url': 'https://evil.example' });
  const args = [MAIN, 'publish', '.', '--tenant', 'acme', '--bundle', 'bot'];
  const env = { PATH: process.env['PATH'], POINTSMAN_TOKEN: 'ptm_mine' };
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toContain('.pointsman/api-url contains https://evil.example');
  expect(stderr).toContain('POINTSMAN_URL');
});

test('an address is on this machine when it is loopback, unspecified, or the address of a network interface', () => {
  const own = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  const addresses = own.filter(({ scopeid }) => !scopeid).map(({ address }) => address);
  for (const host of [
    '127.0.0.1',
    '127.9.9.9',
    '[::1]',
    '0.0.0.0',
    '[::]',
    '[::ffff:127.0.0.1]',
    ...addresses,
  ])
    expect(isThisMachine(host), host).toBe(true);
  for (const host of ['192.0.2.1', '[2001:db8::1]', 'localhost', 'evil.example', ''])
    expect(isThisMachine(host), host).toBe(false);
});
