import { expect, test } from 'vitest';

import { manifestLimits } from '../../../packages/protocol/limits.ts';
import { mediaTypes } from '../../../packages/protocol/artifacts/oci.ts';
import { readManifest } from '../../../packages/protocol/artifacts/oci-manifest.ts';

const descriptor = (n: number) => ({
  mediaType: 'text/plain',
  digest: `sha256:${String(n).padStart(64, '0')}`,
  size: 1,
});
const layer = (n: number, annotations: object = {}) => ({
  ...descriptor(n),
  annotations: { 'org.opencontainers.image.title': `file-${n}`, ...annotations },
});
const manifest = (layers: readonly unknown[]) =>
  Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config: descriptor(0), layers }),
  );
const list = <T>(length: number, of: (n: number) => T): T[] => Array.from({ length }, (_, n) => of(n));
const problemOf = (bytes: Uint8Array): string => {
  const read = readManifest(bytes);
  return read.kind === 'problem' ? read.problem : 'none';
};

test('a manifest with the largest number of layers is read', () => {
  const read = readManifest(manifest(list(manifestLimits.layers, (n) => layer(n))));
  expect(read).toMatchObject({ kind: 'manifest' });
  expect(read.kind === 'manifest' && read.files).toHaveLength(manifestLimits.layers);
});

test('a manifest with one layer more is refused before its layers are checked', () => {
  const bytes = manifest(list(manifestLimits.layers + 1, () => 0));
  expect(problemOf(bytes)).toMatch(/^it is not an OCI image manifest: at "\/layers": Too big/);
});

test('the first invalid layer ends the check', () => {
  expect(problemOf(manifest([layer(1), { ...layer(2), size: -1 }, 0, 0, 0]))).toMatch(
    /^it is not an OCI image manifest: at "\/layers\/1\/size": [^;]+$/,
  );
});

test('a manifest with almost four megabytes of invalid layers is refused by its number of values before it is parsed', () => {
  const bytes = manifest(list(130_000, () => ({ mediaType: 'a/b', size: -1 })));
  expect(bytes.byteLength).toBeLessThan(manifestLimits.bytes);
  expect(problemOf(bytes)).toBe(
    `it is too large: a document may have at most ${manifestLimits.values} values`,
  );
});

test('annotations count as values, so that a layer can’t have thousands of them', () => {
  const annotations = Object.fromEntries(list(manifestLimits.values, (n) => [String(n), '']));
  expect(problemOf(manifest([layer(1, annotations)]))).toContain('it is too large');
});

test('a manifest with a NUL character or half a character in a text or a name is refused', () => {
  for (const text of ['\0', '\ud800'])
    for (const annotations of [{ note: text }, { [text]: 'note' }])
      expect(problemOf(manifest([layer(1, annotations)]))).toBe('it contains text that is not valid Unicode');
});

test('an invalid media type is refused, and so is a media type that would end a header', () => {
  for (const mediaType of ['text/html\r\nX: y', 'é☃', 'text', 'text/html; a', ''])
    expect(problemOf(manifest([{ ...layer(1), mediaType }]))).toContain('"/layers/0/mediaType"');
  expect(problemOf(manifest([{ ...layer(1), mediaType: 'application/vnd.a+json; v=1' }]))).toBe('none');
});

test('a file whose path is also a folder of another file is refused', () => {
  const titled = (n: number, path: string) => layer(n, { 'org.opencontainers.image.title': path });
  expect(problemOf(manifest([titled(1, 'a/b/c'), titled(2, 'a')]))).toBe(
    'the file "a" is also the folder of "a/b/c"',
  );
});
