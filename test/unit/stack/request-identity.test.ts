import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { settings } from '../../../services/config/settings.ts';
import { openDataDir, type DataDir } from '../../../packages/dev/stack/data-dir.ts';
import { requestIdentity } from '../../../packages/dev/stack/request-identity.ts';

let home: DataDir;
beforeEach(async () => {
  home = await openDataDir(await mkdtemp(join(tmpdir(), 'pointsman-identity-')));
});
afterEach(() => rm(home.path, { recursive: true }));

test('is made once, readable by its owner alone, and the same from then on', async () => {
  const made = await requestIdentity(home);
  expect((await stat(made.pemFile)).mode & 0o777).toBe(0o600);
  expect(await readFile(made.pemFile, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  expect(await requestIdentity(home)).toEqual(made);
  expect(settings.shape.POINTSMAN_WORKER_IDENTITY_KEY.parse(made.publicKey)).toBe(made.publicKey);
});

test('is another one in another home', async () => {
  const { pemFile, publicKey } = await requestIdentity(home);
  await rm(pemFile);
  expect((await requestIdentity(home)).publicKey).not.toBe(publicKey);
});

test('a start that was cut short and left nothing in the file gets a key all the same', async () => {
  const { pemFile } = await requestIdentity(home);
  await writeFile(pemFile, '');
  const { publicKey } = await requestIdentity(home);
  expect((await requestIdentity(home)).publicKey).toBe(publicKey);
});

test.each([
  ['no key', 'not a key\n'],
  [
    'a key of another kind',
    generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
  ],
])('%s in the file is refused, named, and left as it is', async (_what, text) => {
  const { pemFile } = await requestIdentity(home);
  await writeFile(pemFile, text);
  await expect(requestIdentity(home)).rejects.toThrow(`${pemFile} does not contain an ed25519 key`);
  expect(await readFile(pemFile, 'utf8')).toBe(text);
});
