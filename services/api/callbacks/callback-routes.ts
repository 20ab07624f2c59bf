import { createHash } from 'node:crypto';

import { z } from 'zod';

import { CallbackTaken, StoredBlob } from '@pointsman/protocol/callouts/callback-view';
import { CheckReport } from '@pointsman/protocol/callouts/check-request';
import { CompileReport } from '@pointsman/protocol/callouts/compile-job';
import { digestOf } from '@pointsman/protocol/digest';
import { PointsmanError } from '@pointsman/protocol/errors';
import { Digest } from '@pointsman/protocol/identifiers';
import { paths } from '@pointsman/protocol/paths';
import { ARCHIVE_TYPE } from '@pointsman/protocol/releases/source';
import { callbackLimits } from '../../../core/limits/callout-limits.ts';
import type { CallbackRequest } from '../../../handlers/contract/release.ts';
import { describeBlob, putCallbackBlob } from '../../postgres/releases/callback-blobs.ts';
import { loadSource } from '../../postgres/content/sources.ts';
import { notFound } from '../responses/not-found.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { readBody } from '../requests/body.ts';
import { callbackRefusal, type FoundCallback, getCallback, getOpenCallback } from './callback.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { bytes, json, ofRelease, replayed } from '../responses/openapi-responses.ts';
import { contentTypeOf, readJsonBody } from '../http/request-input.ts';
import type { Holding } from '../access/shares.ts';
import { bytesHeldWhilePacking, sourceArchive } from './source-archive.ts';

const capability = z.string().max(200).meta({
  description: 'The capability in the callback URL. An unknown capability returns 404.',
  example: 'pmc_Wl2Qz3nUuXcQmO1r2kYh0m5w8m2b6s3d9f1g4h7j0k2',
});
const digest = Digest.meta({
  description: 'The digest of the bytes.',
  example: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
});
const Params = z.strictObject({ capability });
const BlobParams = z.strictObject({ capability, digest });

const closed = ['not_found', 'callback_used', 'callback_expired', 'callback_revoked', 'unavailable'] as const;

export function callbackEndpoints(parts: ApiDeps): Endpoint[] {
  return [reportEndpoint(parts), sourceEndpoint(parts), blobEndpoint(parts), uploadEndpoint(parts)];
}

function reportEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.callback,
    operationId: 'postReport',
    summary: 'Post the report of a compilation or a check',
    description:
      'The one report of a compiler or a check. Repeating the same report returns the first response, so a lost request can be sent again. A different report is refused. All blobs of a compiled artifact must be uploaded first: otherwise the report is refused, and can be sent again after the upload.',
    tags: ['callbacks'],
    may: null,
    params: Params,
    ownBody: {
      required: true,
      description: 'A `CompileReport` or a `CheckReport`, depending on the request.',
      content: { 'application/json': { schema: z.union([CompileReport, CheckReport]) } },
    },
    responses: { 200: json(CallbackTaken, 'The report was recorded.', { ...replayed, ...ofRelease }) },
    problems: [...closed, 'too_large', 'unsupported_media_type', 'incomplete_artifact'],
    async handle({ params, request, ids, about }) {
      const found = await getCallback(parts.db, params.capability);
      about(found);
      const { refusal } = found;
      // A report for a callback that was already used may be a repetition, so it is not refused here. The database compares it with the
      // recorded report.
      if (refusal?.kind === 'expired' || refusal?.kind === 'revoked') throw callbackRefusal(refusal);
      const report = await readReport(found, request);
      const answer = await parts.workflows(found, ids).report({
        callback: found.id,
        report,
        // The schema returns the fields in a fixed order. Equal reports therefore have equal fingerprints.
        fingerprint: digestOf(JSON.stringify(report)),
        requestId: ids.requestId,
      });
      if (answer.kind !== 'taken') throw callbackRefusal(answer);
      const { replayed: isReplayed } = answer;
      return jsonResponse({ replayed: isReplayed }, 200, replayedHeader(isReplayed));
    },
  });
}

async function readReport({ purpose }: FoundCallback, request: Request): Promise<CallbackRequest['report']> {
  const limit = callbackLimits.bodyBytes;
  return purpose === 'check'
    ? { purpose, content: await readJsonBody(CheckReport, request, limit) }
    : { purpose, content: await readJsonBody(CompileReport, request, limit) };
}

function sourceEndpoint({ db, responses }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.callbackSource,
    operationId: 'getCallbackSource',
    summary: 'Get the source to compile',
    description:
      "A tar.gz of the source's files. The digest in the job is the digest of the tree, not of these bytes.",
    tags: ['callbacks'],
    may: null,
    isStreamed: true,
    params: Params,
    responses: { 200: bytes(ARCHIVE_TYPE, 'The source.', ofRelease) },
    problems: [...closed, 'busy'],
    async handle({ params, about, onceSent }) {
      const found = await getOpenCallback(db, params.capability, 'compile');
      about(found);
      const { tenant, source } = found;
      const loaded = await loadSource(db, tenant, source);
      if (loaded === null) throw new Error(`the source ${source} of ${tenant} is not stored`);
      const holding = responses.open([tenant, 'callbacks']);
      holding.take(bytesHeldWhilePacking(loaded.tree));
      onceSent(() => holding.release());
      return new Response(sourceArchive(db, tenant, loaded), {
        headers: { 'content-type': ARCHIVE_TYPE, 'cache-control': 'no-store' },
      });
    },
  });
}

function blobEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.callbackBlob,
    operationId: 'findCallbackBlob',
    summary: 'Check whether a blob is stored',
    description:
      'Use HEAD to avoid uploading a blob that is already stored. The content is not returned here.',
    tags: ['callbacks'],
    may: null,
    params: BlobParams,
    responses: { 200: json(StoredBlob, 'The blob is stored.', ofRelease) },
    problems: closed,
    async handle({ params, about }) {
      const found = await getOpenCallback(db, params.capability, 'compile');
      about(found);
      const blob = await describeBlob(db, found, params.digest);
      if (blob === null) throw notFound(`The blob ${params.digest} is not stored.`);
      return jsonResponse({ digest: params.digest, ...blob }, 200);
    },
  });
}

function uploadEndpoint({ db, bodies }: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: paths.callbackBlob,
    operationId: 'uploadCallbackBlob',
    summary: 'Upload a blob',
    description: `Stores the bytes under their digest, with their Content-Type. Idempotent. At most ${callbackLimits.blobBytes} bytes per blob, and ${callbackLimits.releaseBytes} bytes in ${callbackLimits.releaseBlobs} blobs per release.`,
    tags: ['callbacks'],
    may: null,
    params: BlobParams,
    ownBody: {
      required: true,
      description: 'The bytes, without an encoding.',
      content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
    },
    responses: {
      201: json(StoredBlob, 'The blob was stored.', ofRelease),
      200: json(StoredBlob, 'The blob was already stored.', ofRelease),
    },
    problems: [
      ...closed,
      'too_large',
      'unsupported_media_type',
      'wrong_content',
      'busy',
      'quota_exceeded',
      'larger_than_quota',
    ],
    async handle({ params, request, about }) {
      const found = await getOpenCallback(db, params.capability, 'compile');
      about(found);
      const mediaType = contentTypeOf(request);
      const holding = bodies.open([found.tenant]);
      try {
        const content = await readContent(request, params.digest, holding);
        const blob = { digest: params.digest, mediaType, content };
        const put = await putCallbackBlob(db, found, blob, Date.now());
        if (put.kind === 'too_much') throw tooMuch();
        if (put.kind !== 'stored' && put.kind !== 'there') throw callbackRefusal(put);
        const view = { digest: params.digest, mediaType, size: content.byteLength };
        return jsonResponse(view, put.kind === 'stored' ? 201 : 200);
      } finally {
        holding.release();
      }
    },
  });
}

/**
 * Reads an uploaded blob and hashes each chunk as it arrives, because hashing a large body at once would block other requests. Throws
 * `wrong_content` if the digest differs from the digest in the URL.
 */
async function readContent(request: Request, named: string, holding: Holding): Promise<Buffer> {
  const hash = createHash('sha256');
  const onChunk = (size: number, chunk: Uint8Array): void => {
    holding.take(size);
    hash.update(chunk);
  };
  const content = await readBody(request, callbackLimits.blobBytes, { onChunk });
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== named) {
    throw new PointsmanError('wrong_content', `The digest of the body is ${found}, not the one in the URL.`, {
      details: { digest: found },
    });
  }
  return Buffer.from(content.buffer);
}

function tooMuch(): PointsmanError {
  const { releaseBlobs, releaseBytes } = callbackLimits;
  return new PointsmanError(
    'too_large',
    `A release may have at most ${releaseBlobs} blobs and ${releaseBytes} bytes, over all attempts to compile it.`,
    { details: { limit: releaseBytes } },
  );
}
