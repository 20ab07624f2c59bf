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
 * A media type as in RFC 6838, section 4.2, with parameters. The API returns it as the Content-Type, so it
 * must not contain a line break, which would end the header.
 */
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]*\/[A-Za-z0-9][\w!#$&^.+-]*(?:; ?[\w-]+=[\w.+-]+)*$/;

/**
 * A descriptor of the OCI image-spec 1.1 (descriptor.md): the fields that identify a blob. Other fields are
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
 * The fields of an OCI image manifest (image-spec 1.1, manifest.md) that Pointsman uses. Every layer is a
 * file, and its title annotation is the file's path.
 */
const Manifest = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.literal(mediaTypes.manifest),
  config: Descriptor,
  layers: boundedList(Descriptor.extend({ annotations: z.object({ [TITLE]: Path }) }), manifestLimits.layers),
});

/** The digest and the size of a blob, as stated in a manifest. */
export interface NamedBlob {
  readonly digest: string;
  readonly size: number;
}

export type ReadManifest =
  | {
      readonly kind: 'manifest';
      /** All blobs of the artifact: the config and the files. */
      readonly blobs: readonly NamedBlob[];
      /** The files, in the order of the manifest. */
      readonly files: readonly ArtifactFile[];
    }
  | { readonly kind: 'problem'; readonly problem: string };

/**
 * Parses a manifest from an outside compiler. Returns its content, or the first reason why it is not a valid
 * artifact. Checks the number of layers before it parses them, and stops at the first invalid layer. {@link
 * manifestLimits} bounds the work for any input.
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
