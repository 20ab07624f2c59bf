import { expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { readJsonSource } from '../../../services/api/releases/source-body-json.ts';
import { contentsOf } from '../../../services/source-archive/read-source.ts';

function read(body: unknown) {
  return readJsonSource(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

test('texts and base64 become files under their digests, sorted by path, beside the options', () => {
  const source = read({
    files: { 'b.txt': 'b', 'a/x.bin': { base64: 'AAEC' } },
    channel: 'staging',
    message: 'why',
  });
  expect(source).toMatchObject({
    kind: 'source',
    options: { channel: 'staging', message: 'why' },
    tree: {
      entries: [
        { path: 'a/x.bin', size: 3, digest: digestOf(new Uint8Array([0, 1, 2])) },
        { path: 'b.txt', size: 1, digest: digestOf('b') },
      ],
    },
  });
  if (source.kind !== 'source') throw new Error('not a source');
  const contents = contentsOf(source);
  expect(Buffer.from(contents.get(digestOf('b')) ?? []).toString()).toBe('b');
  expect([...(contents.get(digestOf(new Uint8Array([0, 1, 2]))) ?? [])]).toEqual([0, 1, 2]);
});

test('the same content under two paths is kept once', () => {
  const source = read({ files: { a: 'same', b: 'same' } });
  expect(source.kind === 'source' && source.arena.byteLength).toBe(4);
});

test('broken JSON is malformed and says at which line and column', () => {
  expect(read('{\n  "files": {]\n}')).toMatchObject({
    kind: 'malformed',
    errors: [{ in: 'body', line: 2, column: 13 }],
  });
});

test('a byte that is not UTF-8 is malformed and says where it is', () => {
  const bytes = Buffer.concat([
    Buffer.from('{"files":\n{"a":"'),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('"}}'),
  ]);
  expect(readJsonSource(bytes)).toMatchObject({ kind: 'malformed', errors: [{ line: 2, column: 7 }] });
});

test('a file that is there twice is refused, although JSON.parse would keep the last one', () => {
  expect(read('{"files":{"a":"1","\\u0061":"2"}}')).toMatchObject({
    kind: 'malformed',
    errors: [{ in: 'body', pointer: '/files/a', line: 1, column: 19 }],
  });
});

test.each([
  ['lists', '['],
  ['maps', '{"a":'],
])('a bomb of %s nested ten thousand deep is refused before it is parsed', (_what, open) => {
  const body = read(`{"files":${open.repeat(10_000)}`);
  expect(body).toMatchObject({
    kind: 'malformed',
    errors: [{ message: expect.stringContaining('nested at most 32 deep') }],
  });
});

test('brackets inside strings are no nesting', () => {
  expect(read({ files: { 'a.txt': '['.repeat(1_000) + '\\"[' } }).kind).toBe('source');
});

test('half a surrogate pair can not become bytes, and is refused', () => {
  expect(read('{"files":{"a":"\\ud800"}}')).toMatchObject({
    kind: 'malformed',
    errors: [{ pointer: '/files/a' }],
  });
});

test.each([
  ['an unknown field', { files: { a: '' }, extra: 1 }, '/extra'],
  ['an unknown field of a file', { files: { a: { base64: '', mode: 7 } } }, '/files/a/mode'],
  ['a file that is a number', { files: { 'a/b': 7 } }, '/files/a~1b'],
  ['no files', {}, '/files'],
  ['a channel that is no name', { files: { a: '' }, channel: 'Not A Name' }, '/channel'],
  ['a rule that is none', { files: { a: '' }, onConflict: 'fight' }, '/onConflict'],
  ['a message that would clear a terminal', { files: { a: '' }, message: '\u001b[2J' }, '/message'],
  ['a list', [], ''],
])('%s is refused at its place', (_what, body, pointer) => {
  expect(read(body)).toMatchObject({ kind: 'unacceptable', errors: [{ in: 'body', pointer }] });
});

test.each(['A', 'AAE', 'AA==\n', 'AB==', 'A-_=', ' AAEC'])(
  '%j is not base64, and the file is named',
  (base64) => {
    expect(read({ files: { 'x.bin': { base64 } } })).toMatchObject({
      kind: 'invalid',
      diagnostics: [{ path: 'x.bin', code: 'base64' }],
    });
  },
);

test.each(['../x', '/x', 'a//b', 'a/./b', 'a\\b', 'C:/x', '', 'a\u0000b'])(
  'the path %j is refused by name',
  (path) => {
    expect(read({ files: { [path]: '' } })).toMatchObject({
      kind: 'invalid',
      diagnostics: [{ path, code: 'path' }],
    });
  },
);

test('a file and something inside of it can not both be', () => {
  expect(read({ files: { a: '', 'a/b/c': '' } })).toMatchObject({
    kind: 'invalid',
    diagnostics: [{ path: 'a/b/c', code: 'path_collision' }],
  });
});

test('every problem is told, not only the first', () => {
  const body = read({ files: { '../x': '', 'y//z': '', ok: '' } });
  expect(body).toMatchObject({
    kind: 'invalid',
    diagnostics: [{ path: '../x' }, { path: 'y//z' }],
    truncated: false,
  });
});

test('a source without a file is none', () => {
  expect(read({ files: {} })).toMatchObject({ kind: 'invalid', diagnostics: [{ code: 'no_files' }] });
});

test('one file past the limit is too large, and is named', () => {
  expect(read({ files: { ok: '', big: 'x'.repeat(8 * 1024 * 1024 + 1) } })).toMatchObject({
    kind: 'too_large',
    message: expect.stringContaining('big'),
  });
});

test('one file more than a source may have is too many', () => {
  const files = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`f${index}`, '']));
  expect(read({ files })).toMatchObject({
    kind: 'too_large',
    message: expect.stringContaining('10000 files'),
  });
});

test('what is said of paths without end is short', () => {
  const long = 'p'.repeat(100_000);
  const bad = read({ files: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${long}${i}`, ''])) });
  expect(bad).toMatchObject({ kind: 'invalid' });
  expect(JSON.stringify(bad).length).toBeLessThan(200_000);
  const big = read({ files: { [long]: 'x'.repeat(8 * 1024 * 1024 + 1) } });
  expect(JSON.stringify(big).length).toBeLessThan(200_000);
});
