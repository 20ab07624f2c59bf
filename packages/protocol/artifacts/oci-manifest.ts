import { z } from 'zod';

import { boundedList } from '../json/bounded-list.ts';
import { Digest } from '../identifiers.ts';
import { parseBoundedJson } from '../json/json-bounds.ts';
import { documentLimits, manifestLimits } from '../limits.ts';
import { type ArtifactFile, mediaTypes, TITLE } from './oci.ts';
import { describeIssues } from '../json/schema-issues.ts';
import { fileAsFolder, pathProblem } from '../releases/source.ts';
import { isStorableJson } from '../json/storable.ts';

/**
 * A media type with its parameters (RFC 6838, section 4.2). The API sends it as the Content-Type of the blob.
 * It must therefore not contain a line break, which could add another header to the response.
 */
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]*\/[A-Za-z0-9][\w!#$&^.+-]*(?:; ?[\w-]+=[\w.+-]+)*$/;

/**
 * The fields of a descriptor (OCI image-spec 1.1, descriptor.md) that identify a blob. Other fields are
 * ignored.
 */
const Descriptor = z.object({
  mediaType: z.string().min(1).max(manifestLimits.mediaTypeChars).regex(MEDIA_TYPE, 'not a media type'),
  digest: Digest,
  size: z.number().int().min(0),
});

const Path = z.string().superRefine((path, context) => {
  const problem = pathProblem(path);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});

/**
 * The fields of an OCI image manifest (image-spec 1.1, manifest.md) that Pointsman uses. Every layer is one
 * file, and the layer's title annotation is the path of the file.
 */
const Manifest = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.literal(mediaTypes.manifest),
  config: Descriptor,
  layers: boundedList(Descriptor.extend({ annotations: z.object({ [TITLE]: Path }) }), manifestLimits.layers),
});

/** The digest and the size of a blob, as its manifest states them. */
export interface NamedBlob {
  readonly digest: string;
  readonly size: number;
}

export type ReadManifest =
  | {
      readonly kind: 'manifest';
      /** All blobs that the manifest refers to: its config and the files. */
      readonly blobs: readonly NamedBlob[];
      /** The files, in the order of the manifest. */
      readonly files: readonly ArtifactFile[];
    }
  | { readonly kind: 'problem'; readonly problem: string };

/**
 * Parses a manifest that an external compiler has uploaded. Returns its content, or the first reason why it
 * is not valid. {@link manifestLimits} bounds the work for any input: the number of layers is checked before
 * they are parsed, and parsing stops at the first invalid layer.
 */
export function readManifest(bytes: Uint8Array): ReadManifest {
  const json = parseBoundedJson(bytes, { depth: documentLimits.depth, values: manifestLimits.values });
  if (json.kind === 'not_json') return { kind: 'problem', problem: 'it is not JSON in UTF-8' };
  if (json.kind === 'excess') return { kind: 'problem', problem: `it is too large: ${json.problem}` };
  if (!isStorableJson(json.value)) {
    return { kind: 'problem', problem: 'it contains text that is not valid Unicode' };
  }
  const parsed = Manifest.safeParse(json.value);
  if (!parsed.success) {
    const problem = `it is not an OCI image manifest: ${describeIssues(parsed)}`;
    return { kind: 'problem', problem };
  }
  const { config, layers } = parsed.data;
  const paths = new Set<string>();
  for (const { annotations } of layers) {
    const path = annotations[TITLE];
    if (paths.has(path)) return { kind: 'problem', problem: `two files have the path "${path}"` };
    paths.add(path);
  }
  for (const path of paths) {
    const parent = fileAsFolder(path, paths);
    if (parent !== null)
      return { kind: 'problem', problem: `the file "${parent}" is also the folder of "${path}"` };
  }
  const blobs = [config, ...layers].map(({ digest, size }) => ({ digest, size }));
  const files = layers.map(({ annotations, ...described }) => ({ path: annotations[TITLE], ...described }));
  return { kind: 'manifest', blobs, files };
}
