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

test('the identity key of a data directory is created once, and only its owner can read it', async () => {
  const made = await requestIdentity(home);
  expect((await stat(made.pemFile)).mode & 0o777).toBe(0o600);
  expect(await readFile(made.pemFile, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  expect(await requestIdentity(home)).toEqual(made);
  expect(settings.shape.POINTSMAN_WORKER_IDENTITY_KEY.parse(made.publicKey)).toBe(made.publicKey);
});

test('each data directory has its own identity key', async () => {
  const { pemFile, publicKey } = await requestIdentity(home);
  await rm(pemFile);
  expect((await requestIdentity(home)).publicKey).not.toBe(publicKey);
});

test('an empty identity key file of an aborted start is replaced by a new key', async () => {
  const { pemFile } = await requestIdentity(home);
  await writeFile(pemFile, '');
  const { publicKey } = await requestIdentity(home);
  expect((await requestIdentity(home)).publicKey).toBe(publicKey);
});

test.each([
  ['invalid content', 'not a key\n'],
  [
    'a key of another kind',
    generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
  ],
])(
  'an identity key file with %s is refused and not changed, and the message names the file',
  async (_what, text) => {
    const { pemFile } = await requestIdentity(home);
    await writeFile(pemFile, text);
    await expect(requestIdentity(home)).rejects.toThrow(`${pemFile} does not contain an ed25519 key`);
    expect(await readFile(pemFile, 'utf8')).toBe(text);
  },
);
