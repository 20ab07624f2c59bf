import { createHash } from 'node:crypto';

import { z } from 'zod';

import { CheckReport } from '../../../core/gates/check-request.ts';
import { CompileReport } from '../../../core/compile-job.ts';
import { digestOf } from '../../../core/digest.ts';
import { PointsmanError } from '../../../core/errors.ts';
import { Digest } from '../../../core/identifiers.ts';
import { callbackLimits } from '../../../core/limits/callout-limits.ts';
import type { CallbackRequest } from '../../../handlers/contract/release.ts';
import { describeBlob, putCallbackBlob } from '../../postgres/releases/callback-blobs.ts';
import { loadSource } from '../../postgres/content/sources.ts';
import { notFound } from '../responses/not-found.ts';
import { jsonAnswer, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { readBody } from '../requests/body.ts';
import { callbackRefusal, type FoundCallback, getCallback, getOpenCallback } from './callback.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { bytes, json, ofRelease, replayed } from '../responses/openapi-responses.ts';
import { contentTypeOf, readJsonBody } from '../http/request-input.ts';
import type { Holding } from '../access/shares.ts';
import { bytesHeldWhilePacking, sourceArchive } from './source-archive.ts';

const capability = z.string().max(200).meta({
  description: 'As it stands in the address that was given. Whatever is none gets 404.',
  example: 'pmc_Wl2Qz3nUuXcQmO1r2kYh0m5w8m2b6s3d9f1g4h7j0k2',
});
const digest = Digest.meta({
  description: 'Of the bytes.',
  example: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
});
const Params = z.strictObject({ capability });
const BlobParams = z.strictObject({ capability, digest });

const closed = ['not_found', 'callback_used', 'callback_expired', 'callback_revoked', 'unavailable'] as const;

const Taken = z
  .object({ replayed: z.boolean().meta({ description: 'The same had been said before.' }) })
  .meta({ id: 'CallbackTaken', description: 'The answer counts.', example: { replayed: false } });

const Blob = z
  .object({ digest: Digest, mediaType: z.string(), size: z.number().int() })
  .meta({ id: 'StoredBlob', description: 'A blob that is there.' });

export function callbackEndpoints(parts: ApiDeps): Endpoint[] {
  return [answerEndpoint(parts), sourceEndpoint(parts), blobEndpoint(parts), uploadEndpoint(parts)];
}

function answerEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: '/v1/callbacks/{capability}',
    operationId: 'answerCallback',
    summary: 'Answer what was asked',
    description:
      'The one answer of a compiler or a check. The same once more is answered as the first time, so that one which got lost can be sent again; another one changes nothing. What was said to be compiled must have been uploaded whole: otherwise the answer is not taken, and may be given again.',
    tags: ['callbacks'],
    may: null,
    params: Params,
    ownBody: {
      required: true,
      description: 'A `CompileReport` or a `CheckReport`, as it was asked for.',
      content: { 'application/json': { schema: z.union([CompileReport, CheckReport]) } },
    },
    responses: { 200: json(Taken, 'The answer counts.', { ...replayed, ...ofRelease }) },
    problems: [...closed, 'too_large', 'unsupported_media_type', 'incomplete_artifact'],
    async handle({ params, request, ids, about }) {
      const found = await getCallback(parts.db, params.capability);
      about(found);
      const { refusal } = found;
      // One that was used may be told the same again, which is for the record to compare.
      if (refusal?.kind === 'expired' || refusal?.kind === 'revoked') throw callbackRefusal(refusal);
      const report = await readReport(found, request);
      const answer = await parts.workflows(found, ids).answer({
        callback: found.id,
        report,
        // Its schema has put the fields in one order, whatever they came in.
        fingerprint: digestOf(JSON.stringify(report)),
        requestId: ids.requestId,
      });
      if (answer.kind !== 'taken') throw callbackRefusal(answer);
      const { replayed: isReplayed } = answer;
      return jsonAnswer({ replayed: isReplayed }, 200, replayedHeader(isReplayed));
    },
  });
}

async function readReport({ purpose }: FoundCallback, request: Request): Promise<CallbackRequest['report']> {
  const limit = callbackLimits.bodyBytes;
  return purpose === 'check'
    ? { purpose, said: await readJsonBody(CheckReport, request, limit) }
    : { purpose, said: await readJsonBody(CompileReport, request, limit) };
}

function sourceEndpoint({ db, responses }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/callbacks/{capability}/source',
    operationId: 'getCallbackSource',
    summary: 'The source to compile',
    description: 'A tar.gz of its files. The digest in the job is that of the tree, not of these bytes.',
    tags: ['callbacks'],
    may: null,
    isStreamed: true,
    params: Params,
    responses: { 200: bytes('application/gzip', 'The source.', ofRelease) },
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
        headers: { 'content-type': 'application/gzip', 'cache-control': 'no-store' },
      });
    },
  });
}

function blobEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/callbacks/{capability}/blobs/{digest}',
    operationId: 'findCallbackBlob',
    summary: 'Whether a blob is there',
    description:
      'Ask with HEAD before uploading what may be there already. The content is not given out here.',
    tags: ['callbacks'],
    may: null,
    params: BlobParams,
    responses: { 200: json(Blob, 'It is.', ofRelease) },
    problems: closed,
    async handle({ params, about }) {
      const found = await getOpenCallback(db, params.capability, 'compile');
      about(found);
      const blob = await describeBlob(db, found, params.digest);
      if (blob === null) throw notFound(`There is no blob ${params.digest}.`);
      return jsonAnswer({ digest: params.digest, ...blob }, 200);
    },
  });
}

function uploadEndpoint({ db, bodies }: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: '/v1/callbacks/{capability}/blobs/{digest}',
    operationId: 'uploadCallbackBlob',
    summary: 'Upload a blob',
    description: `Keeps the bytes under their digest, with their Content-Type. Uploading what is there already is harmless. At most ${callbackLimits.blobBytes} bytes in one, and ${callbackLimits.releaseBytes} in ${callbackLimits.releaseBlobs} of one release.`,
    tags: ['callbacks'],
    may: null,
    params: BlobParams,
    ownBody: {
      required: true,
      description: 'The bytes, not encoded.',
      content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
    },
    responses: { 201: json(Blob, 'It is kept.', ofRelease), 200: json(Blob, 'It was there.', ofRelease) },
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
        return jsonAnswer(view, put.kind === 'stored' ? 201 : 200);
      } finally {
        holding.release();
      }
    },
  });
}

/** Hashed as it comes, so that the largest one keeps nobody else waiting. Throws `wrong_content`. */
async function readContent(request: Request, named: string, holding: Holding): Promise<Buffer> {
  const hash = createHash('sha256');
  const onChunk = (size: number, chunk: Uint8Array): void => {
    holding.take(size);
    hash.update(chunk);
  };
  const content = await readBody(request, callbackLimits.blobBytes, { onChunk });
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== named) {
    throw new PointsmanError('wrong_content', `These bytes are ${found}.`, { details: { digest: found } });
  }
  return Buffer.from(content.buffer);
}

function tooMuch(): PointsmanError {
  const { releaseBlobs, releaseBytes } = callbackLimits;
  return new PointsmanError(
    'too_large',
    `A release may bring ${releaseBlobs} blobs and ${releaseBytes} bytes, over all attempts to compile it.`,
    { details: { limit: releaseBytes } },
  );
}
