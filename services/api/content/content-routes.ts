import { z } from 'zod';

import { mediaTypes } from '@pointsman/protocol/artifacts/oci';
import { paths } from '@pointsman/protocol/paths';
import { findArtifactFile, findManifest } from '../../postgres/content/artifacts.ts';
import { findBlob } from '../../postgres/content/blobs.ts';
import { findPointer } from '../../postgres/channels/pointers.ts';
import { missingError } from '../responses/not-found.ts';
import type { ApiDeps } from '../dependencies.ts';
import { contentResponse, type StoredContent } from './content-response.ts';
import { type Call, type Endpoint, endpoint } from '../http/endpoint.ts';
import { etagOf } from '@pointsman/protocol/entity-tag';
import { IfNoneMatch, isKnown } from '../responses/entity-tags.ts';
import { responseLimits } from '../limits.ts';
import { bytes, empty } from '../responses/openapi-responses.ts';
import { DigestParams, FileParams } from '../requests/params.ts';

/**
 * The content of a digest never changes, so clients can cache it permanently. Shared caches may not store it, because they would not check
 * the token that it requires.
 */
const IMMUTABLE = 'private, max-age=31536000, immutable';

const etag = 'The digest of the content, in double quotes.';
const immutable = { etag, cacheControl: 'Immutable: cache it permanently.' };
const headers = z.object({ 'if-none-match': IfNoneMatch });

export function contentEndpoints(parts: ApiDeps): Endpoint[] {
  return [fileEndpoint(parts), artifactEndpoint(parts), blobEndpoint(parts)];
}

function fileEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.file,
    operationId: 'getFile',
    summary: 'Get a compiled file at the pointer',
    description:
      'A file of the artifact that the channel points to now. A document is JSON, whatever the extension of its path.',
    tags: ['content'],
    may: 'read',
    isStreamed: true,
    params: FileParams,
    headers,
    responses: {
      200: bytes('*/*', 'The content.', { etag, generation: true }),
      304: empty('The caller has the current content.', { etag, generation: true }),
    },
    problems: ['not_found', 'busy'],
    async handle({ params, headers: asked, occupy }) {
      const { tenant, path } = params;
      const { db } = parts;
      const pointer = await findPointer(db, params);
      const where = `channel "${params.channel}" of "${params.bundle}"`;
      if (pointer === null || pointer.digest === null)
        throw await missingError(db, params, `release at ${where}`);
      const file = await findArtifactFile(db, tenant, pointer.digest, path, responseLimits.sliceBytes);
      if (file === null)
        throw await missingError(db, params, `file "${path}" at ${where}, generation ${pointer.generation}`);
      const tag = etagOf(file.digest);
      return contentResponse(
        parts,
        { occupy },
        { tenant, ...file },
        {
          isKnown: isKnown(asked['if-none-match'], tag),
          headers: {
            etag: tag,
            'cache-control': 'private, no-cache',
            'pointsman-generation': String(pointer.generation),
          },
        },
      );
    },
  });
}

function artifactEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.artifact,
    operationId: 'getArtifact',
    summary: 'Get the manifest of an artifact',
    description:
      'The OCI image manifest, byte for byte, so that its digest can be verified. It lists every file and its blob.',
    tags: ['content'],
    may: 'read',
    isStreamed: true,
    params: DigestParams,
    headers,
    responses: {
      200: bytes(mediaTypes.manifest, 'The manifest.', immutable),
      304: empty('The caller has the content.', immutable),
    },
    problems: ['not_found', 'busy'],
    async handle({ params: { tenant, digest }, headers: asked, occupy }) {
      const manifest = await findManifest(parts.db, tenant, digest, responseLimits.sliceBytes);
      if (manifest === null) throw await missingError(parts.db, { tenant }, `artifact ${digest}`);
      const content = { tenant, digest, mediaType: mediaTypes.manifest, ...manifest };
      return immutableResponse(parts, { occupy }, content, asked['if-none-match']);
    },
  });
}

function blobEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.blob,
    operationId: 'getBlob',
    summary: 'A blob',
    description: 'The content with this digest, if the tenant has stored it.',
    tags: ['content'],
    may: 'read',
    isStreamed: true,
    params: DigestParams,
    headers,
    responses: {
      200: bytes('*/*', 'The content.', immutable),
      304: empty('The caller has the content.', immutable),
    },
    problems: ['not_found', 'busy'],
    async handle({ params: { tenant, digest }, headers: asked, occupy }) {
      const blob = await findBlob(parts.db, tenant, digest, responseLimits.sliceBytes);
      if (blob === null) throw await missingError(parts.db, { tenant }, `blob ${digest}`);
      return immutableResponse(parts, { occupy }, { tenant, digest, ...blob }, asked['if-none-match']);
    },
  });
}

function immutableResponse(
  parts: ApiDeps,
  call: Pick<Call<unknown, unknown, unknown, unknown>, 'occupy'>,
  content: StoredContent,
  ifNoneMatch: string | undefined,
): Response {
  const tag = etagOf(content.digest);
  return contentResponse(parts, call, content, {
    isKnown: isKnown(ifNoneMatch, tag),
    headers: { etag: tag, 'cache-control': IMMUTABLE },
  });
}
