import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { readRegularFile } from '../../packages/protocol/files/regular-file.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-file-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);

describe('reading a file that another user may have written', () => {
  test('returns the content of a regular file up to the limit', async () => {
    await writeFile(at('file'), '12345');
    await writeFile(at('empty'), '');
    expect(readRegularFile(at('file'), 5).toString()).toBe('12345');
    expect(readRegularFile(at('empty'), 0).toString()).toBe('');
    expect(() => readRegularFile(at('file'), 4)).toThrow(expect.objectContaining({ fault: 'too large' }));
    expect(() => readRegularFile(at('none'), 4)).toThrow(expect.objectContaining({ fault: 'missing' }));
  });

  test('follows no symbolic link, whatever its target', async () => {
    await writeFile(at('file'), '12345');
    for (const [name, target] of Object.entries({ near: 'file', far: '/dev/zero', nowhere: 'none' })) {
      await symlink(target, at(name));
      expect(() => readRegularFile(at(name), 10), name).toThrow(expect.objectContaining({ fault: 'link' }));
    }
  });

  test('refuses a folder, a device, a socket and a FIFO without a writer immediately', async () => {
    await mkdir(at('folder'));
    execFileSync('mkfifo', [at('fifo')]);
    const server = createServer().listen(at('socket'));
    await new Promise((listening) => server.once('listening', listening));
    try {
      for (const path of [at('folder'), at('fifo'), at('socket'), '/dev/zero'])
        expect(() => readRegularFile(path, 10), path).toThrow(
          expect.objectContaining({ fault: 'not a file', message: 'it is not a regular file' }),
        );
    } finally {
      server.close();
    }
  });

  // A file in /proc is a regular file whose content exceeds its stated size. It simulates a file that grows while it
  // is read.
  test.runIf(existsSync('/proc/self/maps'))(
    'stops at the limit, whatever size the file system reports',
    () => {
      expect(readRegularFile('/proc/self/maps', 1024 * 1024).length).toBeGreaterThan(200);
      expect(() => readRegularFile('/proc/self/maps', 100)).toThrow(
        expect.objectContaining({ fault: 'too large' }),
      );
    },
  );
});
