import { expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { readJsonSource } from '../../../services/api/releases/source-body-json.ts';
import { contentsOf } from '../../../services/source-archive/read-source.ts';

function read(body: unknown) {
  return readJsonSource(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

test('texts and base64 in a JSON source become files with their digests, sorted by path, next to the options', () => {
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

test('content that a source has under two paths is stored once', () => {
  const source = read({ files: { a: 'same', b: 'same' } });
  expect(source.kind === 'source' && source.arena.byteLength).toBe(4);
});

test('a source body that is invalid JSON is malformed, and the error has the line and column of the mistake', () => {
  expect(read('{\n  "files": {]\n}')).toMatchObject({
    kind: 'malformed',
    errors: [{ in: 'body', line: 2, column: 13 }],
  });
});

test('a source body with a byte that is not UTF-8 is malformed, and the error has the line and column of that byte', () => {
  const bytes = Buffer.concat([
    Buffer.from('{"files":\n{"a":"'),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('"}}'),
  ]);
  expect(readJsonSource(bytes)).toMatchObject({ kind: 'malformed', errors: [{ line: 2, column: 7 }] });
});

test('a source body that contains a file twice is refused, although JSON.parse would keep the last one', () => {
  expect(read('{"files":{"a":"1","\\u0061":"2"}}')).toMatchObject({
    kind: 'malformed',
    errors: [{ in: 'body', pointer: '/files/a', line: 1, column: 19 }],
  });
});

test.each([
  ['lists', '['],
  ['maps', '{"a":'],
])('%s that are nested ten thousand levels deep are refused before they are parsed', (_what, open) => {
  const body = read(`{"files":${open.repeat(10_000)}`);
  expect(body).toMatchObject({
    kind: 'malformed',
    errors: [{ message: expect.stringContaining('nested at most 32 deep') }],
  });
});

test('brackets inside the strings of a source body do not count as nesting', () => {
  expect(read({ files: { 'a.txt': '['.repeat(1_000) + '\\"[' } }).kind).toBe('source');
});

test('a text with half a surrogate pair is refused, because it cannot be encoded', () => {
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
  ['an invalid channel name', { files: { a: '' }, channel: 'Not A Name' }, '/channel'],
  ['an unknown conflict rule', { files: { a: '' }, onConflict: 'fight' }, '/onConflict'],
  ['a message with control characters', { files: { a: '' }, message: '\u001b[2J' }, '/message'],
  ['a list', [], ''],
])('a source body with %s is refused with the location of the mistake', (_what, body, pointer) => {
  expect(read(body)).toMatchObject({ kind: 'unacceptable', errors: [{ in: 'body', pointer }] });
});

test.each(['A', 'AAE', 'AA==\n', 'AB==', 'A-_=', ' AAEC'])(
  '%j is not valid base64, and the error names the file',
  (base64) => {
    expect(read({ files: { 'x.bin': { base64 } } })).toMatchObject({
      kind: 'invalid',
      diagnostics: [{ path: 'x.bin', code: 'base64' }],
    });
  },
);

test.each(['../x', '/x', 'a//b', 'a/./b', 'a\\b', 'C:/x', '', 'a\u0000b'])(
  'the file path %j is refused, and the problem names that path',
  (path) => {
    expect(read({ files: { [path]: '' } })).toMatchObject({
      kind: 'invalid',
      diagnostics: [{ path, code: 'path' }],
    });
  },
);

test('a source is refused when the path of one file is also the folder of another file', () => {
  expect(read({ files: { a: '', 'a/b/c': '' } })).toMatchObject({
    kind: 'invalid',
    diagnostics: [{ path: 'a/b/c', code: 'path_collision' }],
  });
});

test('every problem of a source body is reported', () => {
  const body = read({ files: { '../x': '', 'y//z': '', ok: '' } });
  expect(body).toMatchObject({
    kind: 'invalid',
    diagnostics: [{ path: '../x' }, { path: 'y//z' }],
    truncated: false,
  });
});

test('a source without files is refused', () => {
  expect(read({ files: {} })).toMatchObject({ kind: 'invalid', diagnostics: [{ code: 'no_files' }] });
});

test('a file above the size limit is refused, and the problem names that file', () => {
  expect(read({ files: { ok: '', big: 'x'.repeat(8 * 1024 * 1024 + 1) } })).toMatchObject({
    kind: 'too_large',
    message: expect.stringContaining('big'),
  });
});

test('a source with one file more than the limit is refused as too large', () => {
  const files = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`f${index}`, '']));
  expect(read({ files })).toMatchObject({
    kind: 'too_large',
    message: expect.stringContaining('10000 files'),
  });
});

test('the errors for very long file paths have a bounded length', () => {
  const long = 'p'.repeat(100_000);
  const bad = read({ files: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${long}${i}`, ''])) });
  expect(bad).toMatchObject({ kind: 'invalid' });
  expect(JSON.stringify(bad).length).toBeLessThan(200_000);
  const big = read({ files: { [long]: 'x'.repeat(8 * 1024 * 1024 + 1) } });
  expect(JSON.stringify(big).length).toBeLessThan(200_000);
});
