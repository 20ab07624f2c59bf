import { gzipSync } from 'node:zlib';

import { type Header, pack } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { sourceTree } from '../../../packages/protocol/releases/source.ts';
import { repositoryLayout, sourceLayout } from '../../../services/source-archive/archive-layout.ts';
import { readTarArchive } from '../../../services/source-archive/tar-archive.ts';

type Entry = Partial<Header> & { readonly name: string; readonly content?: string | Uint8Array };

async function tar(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry(header, content);
  archive.finalize();
  return buffer(archive);
}

async function read(entries: readonly Entry[]) {
  return readTarSource(gzipSync(await tar(entries)));
}

function readTarSource(bytes: Uint8Array) {
  return readTarArchive(bytes, sourceLayout());
}

test('the regular files of an archive become the same source as the same files in JSON, without directories', async () => {
  const source = await read([
    { name: 'b.txt', content: 'b' },
    { name: 'dir/', type: 'directory' },
    { name: 'dir/a.txt', content: 'a' },
  ]);
  const entries = [
    { path: 'b.txt', size: 1, digest: digestOf('b') },
    { path: 'dir/a.txt', size: 1, digest: digestOf('a') },
  ];
  expect(source).toMatchObject({ kind: 'source', tree: sourceTree(entries) });
});

test('a leading "./" in the paths of an archive is removed, and a single top directory is not', async () => {
  const source = await read([
    { name: './', type: 'directory' },
    { name: './top/a', content: 'a' },
  ]);
  expect(source.kind === 'source' && source.tree.entries.map(({ path }) => path)).toEqual(['top/a']);
});

test('long file names in an archive are kept', async () => {
  const name = `${'d'.repeat(120)}/${'e'.repeat(150)}.txt`;
  const source = await read([{ name, content: 'x' }]);
  expect(source.kind === 'source' && source.tree.entries[0]?.path).toBe(name);
});

test.each([
  ['has a path that leads outside', { name: '../evil', content: 'x' }, '../evil'],
  [
    'has a path that leads outside after its first folder',
    { name: 'a/../../evil', content: 'x' },
    'a/../../evil',
  ],
  ['has an absolute path', { name: '/etc/passwd', content: 'x' }, '/etc/passwd'],
  ['is a directory outside', { name: '../out/', type: 'directory' }, '../out/'],
  ['is a symbolic link', { name: 'link', type: 'symlink', linkname: '/etc/passwd' }, 'link'],
  ['is a hard link', { name: 'hard', type: 'link', linkname: 'a' }, 'hard'],
  ['is a character device', { name: 'null', type: 'character-device', devmajor: 1, devminor: 3 }, 'null'],
  ['is a block device', { name: 'sda', type: 'block-device', devmajor: 8, devminor: 0 }, 'sda'],
  ['is a pipe', { name: 'pipe', type: 'fifo' }, 'pipe'],
] as [string, Entry, string][])(
  'an archive entry that %s is refused, and the problem names that entry',
  async (_what, entry, path) => {
    const body = await read([{ name: 'ok', content: 'fine' }, entry]);
    expect(body).toMatchObject({ kind: 'invalid', diagnostics: [{ path }] });
  },
);

test('a duplicate archive entry is refused, and the problem names that entry', async () => {
  const body = await read([
    { name: 'a', content: '1' },
    { name: './a', content: '2' },
  ]);
  expect(body).toMatchObject({ kind: 'invalid', diagnostics: [{ path: 'a', code: 'duplicate_path' }] });
});

test('a PAX header that renames a file to a path outside the archive is refused, and the problem names that path', async () => {
  const body = await read([{ name: 'harmless', content: 'x', pax: { path: '../../evil' } }]);
  expect(body).toMatchObject({ kind: 'invalid', diagnostics: [{ path: '../../evil' }] });
});

test('a sparse file of GNU tar is refused, because its content differs from the stored bytes', async () => {
  const body = await read([{ name: 'sparse', content: 'x', pax: { 'GNU.sparse.major': '1' } }]);
  expect(body).toMatchObject({ kind: 'invalid', diagnostics: [{ path: 'sparse', code: 'entry_type' }] });
});

test('a false size in a PAX header makes the archive invalid, and does not break the reader', async () => {
  const body = await read([
    { name: 'a', content: 'x'.repeat(600), pax: { size: '-1' } },
    { name: 'b', content: 'y' },
  ]);
  expect(body).toMatchObject({ kind: 'invalid', diagnostics: [{ code: 'archive' }] });
});

test('the error of an archive that ends in the middle of a file names that file', async () => {
  const whole = await tar([
    { name: 'first', content: 'x' },
    { name: 'second', content: 'y'.repeat(5_000) },
  ]);
  const body = await readTarSource(gzipSync(whole.subarray(0, 3_000)));
  expect(body).toMatchObject({ kind: 'invalid', diagnostics: [{ path: 'second', code: 'archive' }] });
});

test('a truncated gzip archive is refused', async () => {
  const whole = gzipSync(await tar([{ name: 'a', content: String(Math.PI).repeat(1_000) }]));
  const body = await readTarSource(whole.subarray(0, whole.length - 20));
  expect(body).toMatchObject({ kind: 'invalid', diagnostics: [{ path: 'a', code: 'archive' }] });
});

test('a gzip file that does not contain a tar archive is refused', async () => {
  const body = await readTarSource(gzipSync(Buffer.alloc(4_096, 'not a tar ')));
  expect(body).toMatchObject({ kind: 'invalid', diagnostics: [{ code: 'archive' }] });
});

test('an archive that is not gzip is reported as such', async () => {
  expect(await readTarSource(Buffer.from('PK\u0003\u0004'))).toEqual({ kind: 'not_gzip' });
  expect(await readTarSource(Buffer.alloc(0))).toEqual({ kind: 'not_gzip' });
});

test('an archive without files is refused', async () => {
  expect(await read([])).toMatchObject({ kind: 'invalid', diagnostics: [{ code: 'no_files' }] });
});

test('a file above the size limit is refused, and the problem names that file', async () => {
  const body = await read([{ name: 'big', content: Buffer.alloc(8 * 1024 * 1024 + 1) }]);
  expect(body).toMatchObject({ kind: 'too_large', message: expect.stringContaining('big') });
});

test('files whose total size is above the limit are refused', async () => {
  const body = await read(
    Array.from({ length: 5 }, (_, index) => ({ name: `f${index}`, content: Buffer.alloc(7_000_000) })),
  );
  expect(body).toMatchObject({ kind: 'too_large', message: expect.stringContaining('f4') });
});

test('an archive that unpacks to 512 MiB is stopped at the limit, and the memory stays bounded', async () => {
  // The archive contains only directories, so only the limit on unpacked bytes can stop it. Repeating a gzip member
  // makes it cheap to create.
  const directory = (await tar([{ name: 'x', type: 'directory' }])).subarray(0, 512);
  const member = gzipSync(Buffer.concat(Array.from({ length: 2_048 }, () => directory)));
  const bomb = Buffer.concat(Array.from({ length: 512 }, () => member));
  expect(bomb.byteLength).toBeLessThan(4_000_000);
  const before = process.memoryUsage().rss;
  const body = await readTarSource(bomb);
  expect(body).toMatchObject({
    kind: 'too_large',
    message: expect.stringContaining('The unpacked archive is too large'),
  });
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
});

test('an archive entry whose name is not UTF-8 is refused', async () => {
  const whole = await tar([{ name: 'nameX', content: '' }]);
  whole[4] = 0xff;
  // The checksum of a tar header is the sum of its bytes. The field of the checksum counts as blanks.
  whole.fill(' ', 148, 156);
  const sum = whole.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  whole.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const body = await readTarSource(gzipSync(whole));
  expect(body).toMatchObject({
    kind: 'invalid',
    diagnostics: [{ message: expect.stringContaining('UTF-8') }],
  });
});

/** Creates an archive of a repository as code hosts do, with all files in one folder. */
async function readRepository(entries: readonly Entry[], folder: string | null = null) {
  return readTarArchive(gzipSync(await tar(entries)), repositoryLayout(folder));
}

const paths = (source: Awaited<ReturnType<typeof readRepository>>) =>
  source.kind === 'source' && source.tree.entries.map(({ path }) => path);

describe('the archive of a repository', () => {
  const repository: readonly Entry[] = [
    { name: 'bot-1a2b/', type: 'directory' },
    { name: 'bot-1a2b/README.md', content: 'read me' },
    { name: 'bot-1a2b/latest', type: 'symlink', linkname: 'README.md' },
    { name: 'bot-1a2b/config/', type: 'directory' },
    { name: 'bot-1a2b/config/a.json', content: '{}' },
    { name: 'bot-1a2b/config/deep/b.json', content: '{}' },
    { name: 'bot-1a2b/config-old/c.json', content: '{}' },
  ];

  test('is read without its only top folder', async () => {
    expect(paths(await readRepository(repository.filter(({ type }) => type !== 'symlink')))).toEqual([
      'README.md',
      'config-old/c.json',
      'config/a.json',
      'config/deep/b.json',
    ]);
  });

  test('is read only in the folder of the source, and its other entries, including links, are ignored', async () => {
    expect(paths(await readRepository(repository, 'config'))).toEqual(['a.json', 'deep/b.json']);
    expect(paths(await readRepository(repository, 'config/deep'))).toEqual(['b.json']);
  });

  test('is refused when it does not have the folder of the source, and the problem names that folder', async () => {
    const message = 'the repository has no folder "nowhere" at this commit';
    expect(await readRepository(repository, 'nowhere')).toMatchObject({
      kind: 'invalid',
      diagnostics: [{ code: 'no_files', message }],
    });
    expect(await readRepository(repository, 'README.md')).toMatchObject({
      diagnostics: [{ code: 'no_files' }],
    });
  });

  test.each([
    ['a link in the source', [{ name: 'top/config/l', type: 'symlink', linkname: '/etc/passwd' }], 'l'],
    ['a device in the source', [{ name: 'top/config/d', type: 'block-device' }], 'd'],
    ['a file whose path leads out of the source', [{ name: 'top/config/../../x' }], '../../x'],
    ['a file whose path leads out of the archive', [{ name: '../x' }], '../x'],
    ['a file at an absolute path', [{ name: '/etc/passwd' }], '/etc/passwd'],
    ['a file next to the top folder', [{ name: 'top/config/a' }, { name: 'x' }], 'x'],
    ['a second top folder', [{ name: 'top/config/a' }, { name: 'other/a' }], 'other/a'],
  ] as [string, Entry[], string][])('is refused for %s', async (_what, entries, path) => {
    expect(await readRepository(entries, 'config')).toMatchObject({
      kind: 'invalid',
      diagnostics: [{ path }],
    });
  });

  test('can be plain tar, because the server may have declared the gzip as a content encoding', async () => {
    const plain = await tar([{ name: 'top/a.json', content: '{}' }]);
    expect(paths(await readTarArchive(plain, repositoryLayout(null)))).toEqual(['a.json']);
    expect(await readTarArchive(Buffer.from('<html>'), repositoryLayout(null))).toEqual({ kind: 'not_gzip' });
  });
});
