import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { sourceLimits } from '../../../../packages/protocol/limits.ts';
import { packDirectory } from '../../../../packages/cli/source/pack.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-pack-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(path: string, content: string | Uint8Array, under = folder): Promise<void> {
  await mkdir(dirname(join(under, path)), { recursive: true });
  await writeFile(join(under, path), content);
}

async function unpack(archive: Uint8Array): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const entries = extract();
  entries.end(gunzipSync(archive));
  for await (const entry of entries) files.set(entry.header.name, await text(entry));
  return files;
}

describe('packing a directory', () => {
  test('includes every file with its content, sorted, at any depth', async () => {
    const long = `${'directory/'.repeat(30)}a-file-with-quite-a-long-name.yaml`;
    await write('b.yaml', 'b: 1\n');
    await write('a/z.json', '{}');
    await write('-hidden', 'yes');
    await write('ünïcode/名前.md', 'text');
    await write(long, 'deep');
    const packed = await packDirectory(folder);
    const files = await unpack(packed.archive);
    expect([...files.keys()]).toEqual(['-hidden', 'a/z.json', 'b.yaml', long, 'ünïcode/名前.md']);
    expect(files.get(long)).toBe('deep');
    expect(packed).toMatchObject({ bytes: 5 + 2 + 3 + 4 + 4, ignored: [] });
    expect(packed.files.map((file) => file.content.byteLength)).toEqual([3, 2, 5, 4, 4]);
  });

  test('gives the same bytes for the same files, regardless of the time and order of their creation', async () => {
    const other = await mkdtemp(join(tmpdir(), 'pointsman-pack-'));
    try {
      for (const path of ['a.yaml', 'b/c.yaml', 'd.md']) await write(path, path);
      for (const path of ['d.md', 'b/c.yaml', 'a.yaml']) await write(path, path, other);
      await utimes(join(other, 'd.md'), 1, 1);
      const [one, two] = await Promise.all([packDirectory(folder), packDirectory(other)]);
      expect(Buffer.compare(one.archive, two.archive)).toBe(0);
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });

  test('reports all symbolic links together, whether they lead to files or to directories', async () => {
    await write('a.yaml', 'a: 1');
    await symlink('/etc/passwd', join(folder, 'passwd'));
    await symlink('..', join(folder, 'up'));
    await expect(packDirectory(folder)).rejects.toMatchObject({
      exit: 'rejected',
      hints: [
        expect.stringMatching(/^passwd is a symbolic link/),
        expect.stringMatching(/^up is a symbolic link/),
      ],
    });
  });

  test('names a file whose name is not UTF-8, together with the other problems', async () => {
    await write('a\nb.yaml', 'a: 1');
    await writeFile(Buffer.concat([Buffer.from(`${folder}/x`), Buffer.from([0xff])]), 'a: 1');
    await expect(packDirectory(folder)).rejects.toMatchObject({
      exit: 'rejected',
      hints: expect.arrayContaining([
        'x\ufffd: a path must be valid UTF-8',
        expect.stringContaining('control characters'),
      ]),
    });
  });

  test('refuses an invalid file name before anything is sent', async () => {
    await write('a\nb.yaml', 'a: 1');
    await expect(packDirectory(folder)).rejects.toMatchObject({ exit: 'rejected' });
  });

  test('refuses a file that is too large without reading it, and names that file', async () => {
    await write('large.bin', Buffer.alloc(sourceLimits.fileBytes + 1));
    await expect(packDirectory(folder)).rejects.toMatchObject({
      exit: 'rejected',
      hints: [expect.stringMatching(/^large\.bin is/)],
    });
  });

  test('refuses an empty directory', async () => {
    await mkdir(join(folder, 'empty'));
    await expect(packDirectory(folder)).rejects.toMatchObject({ exit: 'rejected' });
  });

  test('reports a missing directory as a usage error', async () => {
    await write('file', 'x');
    await expect(packDirectory(join(folder, 'missing'))).rejects.toMatchObject({ exit: 'usage' });
    await expect(packDirectory(join(folder, 'file'))).rejects.toMatchObject({ exit: 'usage' });
  });
});
