import { expect, test } from 'vitest';
import { canonicalJson } from '../../../packages/protocol/json/canonical-json.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { artifactManifest } from '../../../packages/protocol/artifacts/oci.ts';

const file = (path: string, text: string) => ({
  path,
  digest: digestOf(text),
  size: Buffer.byteLength(text),
  mediaType: 'text/plain',
});

test('the manifest of an artifact is an OCI image manifest: its config is the index, and its layers are the sorted files', () => {
  const { manifest, index, blobDigests } = artifactManifest([
    file('b.txt', 'same'),
    file('a/é.txt', 'é'),
    file('a.txt', 'same'),
  ]);
  const parsed = JSON.parse(manifest.text) as { layers: { annotations: object }[]; config: object };
  expect(parsed).toMatchObject({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/vnd.pointsman.bundle.v1',
    config: {
      mediaType: 'application/vnd.pointsman.index.v1+json',
      digest: digestOf(index.text),
      size: Buffer.byteLength(index.text),
    },
  });
  expect(parsed.layers.map(({ annotations }) => annotations)).toEqual(
    ['a.txt', 'a/é.txt', 'b.txt'].map((path) => ({ 'org.opencontainers.image.title': path })),
  );
  expect(JSON.parse(index.text)).toMatchObject({
    schemaVersion: 1,
    files: [{ path: 'a.txt' }, { path: 'a/é.txt', size: 2 }, { path: 'b.txt' }],
  });
  expect(canonicalJson(JSON.parse(manifest.text) as never)).toBe(manifest.text);
  expect(manifest.digest).toBe(digestOf(manifest.text));
  expect(blobDigests).toEqual([manifest.digest, index.digest, digestOf('same'), digestOf('é')]);
});
