import { z } from 'zod';

import { Digest } from './identifiers.ts';
import { documentLimits } from './limits.ts';
import { type ArtifactFile, mediaTypes } from './oci.ts';
import { pathProblem } from './source.ts';

/** OCI image-spec 1.1, descriptor.md: of a descriptor what names a blob. More may stand there, and says nothing to us. */
const Descriptor = z.object({
  mediaType: z.string().min(1).max(255),
  digest: Digest,
  size: z.number().int().min(0),
});

const TITLE = 'org.opencontainers.image.title';

const Path = z.string().superRefine((path, context) => {
  const problem = pathProblem(path);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});

/** image-spec 1.1, manifest.md, with what we need of it: every layer is a file, whose path is its title. */
const Manifest = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.literal(mediaTypes.manifest),
  config: Descriptor,
  layers: z.array(Descriptor.extend({ annotations: z.object({ [TITLE]: Path }) })),
});

/** A blob that a manifest names, and how many bytes it says that there are. */
export interface NamedBlob {
  readonly digest: string;
  readonly size: number;
}

export type ReadManifest =
  | {
      readonly kind: 'manifest';
      /** Everything that it consists of: the config and the files. */
      readonly blobs: readonly NamedBlob[];
      /** In the order of the manifest. */
      readonly files: readonly ArtifactFile[];
    }
  | { readonly kind: 'problem'; readonly problem: string };

/** Reads a manifest that somebody else has made: what it consists of, or the first reason why it can't be an artifact. */
export function readManifest(bytes: Uint8Array): ReadManifest {
  const json = parseJson(bytes);
  if (json === undefined) return { kind: 'problem', problem: 'it is not JSON in UTF-8' };
  if (!isStorable(json, documentLimits.depth)) {
    return { kind: 'problem', problem: 'it is nested too deeply, or has texts that are not valid Unicode' };
  }
  const parsed = Manifest.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map((step) => `/${String(step)}`).join('') ?? '';
    return {
      kind: 'problem',
      problem: `it is no OCI image manifest: at "${place}": ${issue?.message ?? ''}`,
    };
  }
  const { config, layers } = parsed.data;
  const paths = new Set<string>();
  for (const { annotations } of layers) {
    const path = annotations[TITLE];
    if (paths.has(path)) return { kind: 'problem', problem: `it has two files of the path "${path}"` };
    paths.add(path);
  }
  const blobs = [config, ...layers].map(({ digest, size }) => ({ digest, size }));
  const files = layers.map(({ annotations, ...described }) => ({ path: annotations[TITLE], ...described }));
  return { kind: 'manifest', blobs, files };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** What PostgreSQL takes as a document: it knows neither NUL nor half a surrogate pair, and it recurses. */
function isStorable(json: unknown, depth: number): boolean {
  if (typeof json === 'string') return !json.includes('\0') && json.isWellFormed();
  if (typeof json !== 'object' || json === null) return true;
  return (
    depth > 0 &&
    Object.entries(json).every(([key, value]) => isStorable(key, 0) && isStorable(value, depth - 1))
  );
}
