import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { type DataDir, openDataDir } from '../../../packages/dev/stack/data-dir.ts';
import { secretKeySettings } from '../../../packages/dev/stack/secret-key.ts';

let home: DataDir;
beforeEach(async () => {
  home = await openDataDir(await mkdtemp(join(tmpdir(), 'pointsman-key-')));
});
afterEach(() => rm(home.path, { recursive: true }));

test('the secret key of a data directory is created once, and only its owner can read it', async () => {
  const made = await secretKeySettings(home, null);
  expect(Buffer.from(made['POINTSMAN_SECRET_KEY']!, 'base64')).toHaveLength(32);
  const file = join(home.path, 'secret-key');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await readFile(file, 'utf8')).trim()).toBe(made['POINTSMAN_SECRET_KEY']);
  expect(await secretKeySettings(home, null)).toEqual(made);
});

test('a secret key from the environment is used and not stored, and the stored key becomes the previous key', async () => {
  const made = await secretKeySettings(home, null);
  const given = randomBytes(32);
  const settings = await secretKeySettings(home, { current: given, previous: null });
  expect(settings).toEqual({
    POINTSMAN_SECRET_KEY: given.toString('base64'),
    POINTSMAN_SECRET_KEY_PREVIOUS: made['POINTSMAN_SECRET_KEY'],
  });
  expect(await secretKeySettings(home, null)).toEqual(made);
});

test('an invalid secret key stops the start, because a new key would make every stored secret unreadable', async () => {
  await writeFile(join(home.path, 'secret-key'), 'not a key\n');
  await expect(secretKeySettings(home, null)).rejects.toThrow('does not contain a 32-byte key');
});
