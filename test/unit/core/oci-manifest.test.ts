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

test('an OCI manifest with the maximum number of layers is read', () => {
  const read = readManifest(manifest(list(manifestLimits.layers, (n) => layer(n))));
  expect(read).toMatchObject({ kind: 'manifest' });
  expect(read.kind === 'manifest' && read.files).toHaveLength(manifestLimits.layers);
});

test('an OCI manifest with one layer too many is refused before its layers are checked', () => {
  const bytes = manifest(list(manifestLimits.layers + 1, () => 0));
  expect(problemOf(bytes)).toMatch(/^it is not an OCI image manifest: at "\/layers": Too big/);
});

test('the check of an OCI manifest ends at the first invalid layer', () => {
  expect(problemOf(manifest([layer(1), { ...layer(2), size: -1 }, 0, 0, 0]))).toMatch(
    /^it is not an OCI image manifest: at "\/layers\/1\/size": [^;]+$/,
  );
});

test('an OCI manifest with almost four megabytes of invalid layers is refused for its number of values before it is parsed', () => {
  const bytes = manifest(list(130_000, () => ({ mediaType: 'a/b', size: -1 })));
  expect(bytes.byteLength).toBeLessThan(manifestLimits.bytes);
  expect(problemOf(bytes)).toBe(
    `it is too large: a document may have at most ${manifestLimits.values} values`,
  );
});

test('annotations of a layer count as values of the OCI manifest, so a layer cannot have thousands of them', () => {
  const annotations = Object.fromEntries(list(manifestLimits.values, (n) => [String(n), '']));
  expect(problemOf(manifest([layer(1, annotations)]))).toContain('it is too large');
});

test('an OCI manifest is refused when a text or a name in it contains a NUL character or half a surrogate pair', () => {
  for (const text of ['\0', '\ud800'])
    for (const annotations of [{ note: text }, { [text]: 'note' }])
      expect(problemOf(manifest([layer(1, annotations)]))).toBe('it contains text that is not valid Unicode');
});

test('a layer with an invalid media type is refused, and so is a media type that would end an HTTP header', () => {
  for (const mediaType of ['text/html\r\nX: y', 'é☃', 'text', 'text/html; a', ''])
    expect(problemOf(manifest([{ ...layer(1), mediaType }]))).toContain('"/layers/0/mediaType"');
  expect(problemOf(manifest([{ ...layer(1), mediaType: 'application/vnd.a+json; v=1' }]))).toBe('none');
});

test('an OCI manifest is refused when the path of one file is also the folder of another file', () => {
  const titled = (n: number, path: string) => layer(n, { 'org.opencontainers.image.title': path });
  expect(problemOf(manifest([titled(1, 'a/b/c'), titled(2, 'a')]))).toBe(
    'the file "a" is also the folder of "a/b/c"',
  );
});
