import { z } from 'zod';

import { sourceLimits } from '@pointsman/protocol/limits';
import { pathOf, paths } from '@pointsman/protocol/paths';
import {
  MissingBlobs,
  MissingBlobsBody,
  PublishBody,
  PublishQuery,
} from '@pointsman/protocol/releases/release-bodies';
import { AcceptedRelease, DryRun } from '@pointsman/protocol/releases/publish-view';
import { ARCHIVE_TYPE } from '@pointsman/protocol/releases/source';
import type { Executor } from '../../postgres/releases/publish-reads.ts';
import { findRelease } from '../../postgres/releases/releases.ts';
import { requireTenant } from '../responses/not-found.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import { storedSizes } from '../../postgres/content/blobs.ts';
import type { ApiDeps } from '../dependencies.ts';
import { checkSource, invalidSource } from './validate-source.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { IfMatch } from '../responses/entity-tags.ts';
import { json, ofRelease, replayed } from '../responses/openapi-responses.ts';
import { BundleParams, IdempotencyKey, TenantParams } from '../requests/params.ts';
import { requestError } from '../responses/problem.ts';
import { type Accepted, publish } from './publish.ts';
import { publishTerms } from './publish-terms.ts';
import { viewRelease } from './release-view.ts';
import { readSource, type SourceFormat, sourceFormat } from './source-from-request.ts';
import { withStoredFiles } from './stored-files.ts';

export function publishEndpoints(parts: ApiDeps): Endpoint[] {
  return [publishEndpoint(parts), missingBlobsEndpoint(parts)];
}

const SOURCE_BODY = {
  required: true,
  description:
    'The source: its files in JSON, or a tar.gz of regular files with their paths (a leading "./" is removed).',
  content: {
    'application/json': { schema: PublishBody },
    [ARCHIVE_TYPE]: { schema: { type: 'string', format: 'binary' } },
  },
} as const;

function publishEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.releases,
    operationId: 'publish',
    summary: 'Publish a source',
    description: `Checks the source in full and starts a release; follow it at its \`Location\`. An invalid source is refused with all its problems and their locations, and does not get a number. An archive takes its options as query parameters, JSON in the body. At most ${sourceLimits.files} files, ${sourceLimits.fileBytes} bytes per file and ${sourceLimits.totalBytes} bytes in total.`,
    tags: ['releases'],
    may: 'publish',
    params: BundleParams,
    query: PublishQuery,
    headers: z.object({ 'idempotency-key': IdempotencyKey, 'if-match': IfMatch }),
    ownBody: SOURCE_BODY,
    context: (request, params) => publishTerms(parts.db, request, params),
    responses: {
      202: json(AcceptedRelease, 'The release was accepted.', {
        ...replayed,
        ...ofRelease,
        location: true,
      }),
      200: json(DryRun, 'The result of the dry run.'),
    },
    problems: [
      'not_found',
      'unknown_channel',
      'conflict',
      'pointer_moved',
      'too_large',
      'unsupported_media_type',
      'invalid_source',
      'missing_content',
      'idempotency_key_reused',
      'held',
      'busy',
      'quota_exceeded',
      'larger_than_quota',
    ],
    async handle(call) {
      const { dryRun, ...options } = call.query;
      const format = sourceFormat(call.request);
      refuseOptionsBesideJson(format, options);
      const terms = await call.context.terms();
      const { tenant } = call.params;
      const holding = parts.bodies.open([tenant]);
      try {
        const asked = { request: call.request, format, holding };
        const read = await readSource(parts.sources, tenant, asked);
        const source = read.kind === 'source' ? await withStoredFiles(parts.db, tenant, read) : read;
        if (dryRun === 'true') return await answerDryRun(parts, tenant, source, terms.executor);
        if (source.kind === 'invalid') throw invalidSource(source);
        const done = await publish(parts, {
          ...call.params,
          source,
          terms,
          options: format === 'json' ? source.options : options,
          idempotencyKey: call.headers['idempotency-key'],
          ifMatch: call.headers['if-match'],
          principal: call.principal,
          ids: call.ids,
        });
        call.about({ ...call.params, version: done.version });
        return await answerAccepted(parts, { ...call.params, ...done });
      } finally {
        holding.release();
      }
    },
  });
}

function missingBlobsEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.missingBlobs,
    operationId: 'findMissingBlobs',
    summary: 'Find contents that are not stored',
    description:
      'Returns those of the digests whose content the tenant has not stored. A publish may name the other files by their digests, without their contents. A content that no release uses is deleted within an hour, so a publish may still be refused with `missing_content`: then send the contents.',
    tags: ['releases'],
    may: 'publish',
    params: TenantParams,
    body: MissingBlobsBody,
    responses: { 200: json(MissingBlobs, 'The digests that are not stored, in the order of the request.') },
    problems: ['not_found'],
    async handle({ params: { tenant }, body: { digests } }) {
      await requireTenant(db, tenant);
      const stored = await storedSizes(db, tenant, digests);
      return jsonResponse({ missing: [...new Set(digests)].filter((digest) => !stored.has(digest)) }, 200);
    },
  });
}

function refuseOptionsBesideJson(format: SourceFormat, options: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(options).filter((name) => options[name] !== undefined);
  if (format !== 'json' || names.length === 0) return;
  const message = 'give this in the body when the body is JSON';
  throw requestError(
    'invalid_request',
    names.map((name) => ({ in: 'query', name, message })),
  );
}

async function answerDryRun(
  parts: ApiDeps,
  tenant: string,
  source: Awaited<ReturnType<typeof readSource>>,
  executor: Executor,
): Promise<Response> {
  const checked = source.kind === 'invalid' ? source : await checkSource(parts, tenant, source, executor);
  const digest = source.kind === 'invalid' ? null : source.tree.digest;
  if (checked.kind === 'valid') {
    const { checked: depth, warnings } = checked;
    const found = { valid: true, checked: depth, digest, diagnostics: [], truncated: false, warnings };
    return jsonResponse(found, 200);
  }
  const { diagnostics, truncated } = checked;
  const depth = executor === 'local' && source.kind !== 'invalid' ? 'source' : 'structure';
  return jsonResponse({ valid: false, checked: depth, digest, diagnostics, truncated, warnings: [] }, 200);
}

async function answerAccepted(
  { db }: ApiDeps,
  { replayed: isReplayed, warnings, release: admitted, ...id }: Accepted & { tenant: string; bundle: string },
): Promise<Response> {
  const release = admitted ?? (await findRelease(db, id));
  if (release === null)
    throw new Error(`${pathOf(paths.release, id)} was accepted but is not in the database`);
  return jsonResponse({ ...viewRelease(release), warnings }, 202, {
    location: pathOf(paths.release, id),
    ...replayedHeader(isReplayed),
  });
}
