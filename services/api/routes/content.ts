import { z } from 'zod';

import { mediaTypes } from '../../../core/oci.ts';
import { findArtifact, findArtifactFile } from '../../postgres/artifacts.ts';
import { findBlob } from '../../postgres/blobs.ts';
import { findPointer } from '../../postgres/pointers.ts';
import { absence } from '../absence.ts';
import { contentAnswer } from '../answers.ts';
import type { ApiParts } from '../api-parts.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import { etagOf, IfNoneMatch, isKnown } from '../entity-tags.ts';
import { bytes, empty } from '../openapi-responses.ts';
import { DigestParams, FileParams } from '../params.ts';

/** What a digest names never changes. Private, since a token was needed for it and a shared cache asks for none. */
const FOR_EVER = 'private, max-age=31536000, immutable';

const etag = 'The digest of the content, in double quotes.';
const immutable = { etag, cacheControl: 'It never changes: keep it.' };
const headers = z.object({ 'if-none-match': IfNoneMatch });

export function contentEndpoints(parts: ApiParts): Endpoint[] {
  return [fileEndpoint(parts), artifactEndpoint(parts), blobEndpoint(parts)];
}

function fileEndpoint({ db }: ApiParts): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/tenants/{tenant}/bundles/{bundle}/channels/{channel}/files/{path+}',
    operationId: 'getFile',
    summary: 'One compiled file at the pointer',
    description:
      'The file of the artifact that the channel points at now. A document is JSON, whatever its path says.',
    tags: ['content'],
    may: 'read',
    params: FileParams,
    headers,
    responses: {
      200: bytes('*/*', 'The content.', { etag, generation: true }),
      304: empty('The caller has it.', { etag, generation: true }),
    },
    problems: ['not_found'],
    async handle({ params, headers: asked }) {
      const pointer = await findPointer(db, params);
      const where = `channel "${params.channel}" of "${params.bundle}"`;
      if (pointer === null || pointer.digest === null) throw await absence(db, params, `release at ${where}`);
      const file = await findArtifactFile(db, params.tenant, pointer.digest, params.path);
      if (file === null)
        throw await absence(
          db,
          params,
          `file "${params.path}" at ${where}, generation ${pointer.generation}`,
        );
      const tag = etagOf(file.digest);
      return contentAnswer(
        { bytes: file.content, mediaType: file.mediaType },
        isKnown(asked['if-none-match'], tag),
        {
          etag: tag,
          'cache-control': 'private, no-cache',
          'pointsman-generation': String(pointer.generation),
        },
      );
    },
  });
}

function artifactEndpoint({ db }: ApiParts): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/tenants/{tenant}/artifacts/{digest}',
    operationId: 'getArtifact',
    summary: "An artifact's manifest",
    description:
      'The OCI image manifest, byte for byte, so that its digest can be checked. It names every file and its blob.',
    tags: ['content'],
    may: 'read',
    params: DigestParams,
    headers,
    responses: {
      200: bytes(mediaTypes.manifest, 'The manifest.', immutable),
      304: empty('The caller has it.', immutable),
    },
    problems: ['not_found'],
    async handle({ params: { tenant, digest }, headers: asked }) {
      const artifact = await findArtifact(db, tenant, digest);
      if (artifact === null) throw await absence(db, { tenant }, `artifact ${digest}`);
      const content = { bytes: artifact.manifest, mediaType: mediaTypes.manifest };
      return forEver(content, digest, asked['if-none-match']);
    },
  });
}

function blobEndpoint({ db }: ApiParts): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/tenants/{tenant}/blobs/{digest}',
    operationId: 'getBlob',
    summary: 'A blob',
    description: 'The content with that digest, if the tenant has stored it.',
    tags: ['content'],
    may: 'read',
    params: DigestParams,
    headers,
    responses: { 200: bytes('*/*', 'The content.', immutable), 304: empty('The caller has it.', immutable) },
    problems: ['not_found'],
    async handle({ params: { tenant, digest }, headers: asked }) {
      const blob = await findBlob(db, tenant, digest);
      if (blob === null) throw await absence(db, { tenant }, `blob ${digest}`);
      return forEver({ bytes: blob.content, mediaType: blob.mediaType }, digest, asked['if-none-match']);
    },
  });
}

function forEver(
  content: Parameters<typeof contentAnswer>[0],
  digest: string,
  ifNoneMatch: string | undefined,
): Response {
  const tag = etagOf(digest);
  return contentAnswer(content, isKnown(ifNoneMatch, tag), { etag: tag, 'cache-control': FOR_EVER });
}
