import { z } from 'zod';

import { celeryRefusal } from '../../../core/celery-grant.ts';
import { PointsmanError } from '@pointsman/protocol/errors';
import { paths } from '@pointsman/protocol/paths';
import { PolicyVersionView } from '@pointsman/protocol/tenants/policy-view';
import { Policy } from '../../../core/policy.ts';
import { findPolicy, listPolicies, putPolicy } from '../../postgres/channels/policies.ts';
import { notFound, requireTenant } from '../responses/not-found.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { etagOf } from '@pointsman/protocol/entity-tag';
import { IfNoneMatch, isKnown } from '../responses/entity-tags.ts';
import { FreeText } from '@pointsman/protocol/text/free-text';
import { requestIdentity } from '../requests/idempotency.ts';
import { empty, json, replayed } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { IdempotencyKey, TenantParams } from '../requests/params.ts';
import { requestError } from '../responses/problem.ts';
import { refusal } from '../responses/refusal.ts';

const ETAG = 'The version of the policy, in double quotes: 0 before the first policy.';
const TAG = /^"(?:0|[1-9][0-9]{0,14})"$/;

export function policyEndpoints(parts: ApiDeps): Endpoint[] {
  return [findEndpoint(parts), putEndpoint(parts), versionsEndpoint(parts)];
}

function findEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.policy,
    operationId: 'getPolicy',
    summary: 'Get the policy of a tenant',
    description:
      'The document in the format of `putPolicy`, including all defaults. Before the first policy: version 0, without gates.',
    tags: ['policy'],
    may: 'read',
    params: TenantParams,
    query: z.strictObject({
      version: z
        .string()
        .regex(/^(?:0|[1-9][0-9]{0,14})$/, 'must be a version: a whole number from 0')
        .transform(Number)
        .optional()
        .meta({ description: 'An earlier version. Default: the current one.', example: '2' }),
    }),
    headers: z.object({ 'if-none-match': IfNoneMatch }),
    responses: {
      200: json(Policy, 'The policy.', { etag: ETAG }),
      304: empty('The caller has the current policy.', { etag: ETAG }),
    },
    problems: ['not_found'],
    async handle({ params: { tenant }, query, headers }) {
      await requireTenant(db, tenant);
      const found = await findPolicy(db, tenant, query.version);
      if (found === null) throw notFound(`The policy does not have a version ${query.version}.`);
      const answerHeaders = policyHeaders(found.version);
      if (isKnown(headers['if-none-match'], etagOf(found.version)))
        return new Response(null, { status: 304, headers: answerHeaders });
      return jsonResponse(found.document, 200, answerHeaders);
    },
  });
}

function putEndpoint({ db, celeryGrants }: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: paths.policy,
    operationId: 'putPolicy',
    summary: 'Set the policy of a tenant',
    description:
      'Replaces the whole policy of the tenant: an omitted channel has no rules. It applies to releases that are admitted from now on. Releases in flight keep the policy of their admission, and must also pass the gates of this one. An unchanged policy does not create a version.',
    tags: ['policy'],
    may: 'administer',
    params: TenantParams,
    query: z.strictObject({
      message: FreeText.optional().meta({
        description: 'A human-readable reason.',
        example: 'Four eyes on live',
      }),
    }),
    headers: z.object({
      'idempotency-key': IdempotencyKey,
      'if-match': z
        .string()
        .regex(TAG, 'must be one version in double quotes, as in the ETag of the policy')
        .transform((tag) => Number(tag.slice(1, -1)))
        .optional()
        .meta({
          description:
            'The version that the caller saw, in double quotes. 412 with the current version if it is different.',
          example: '"2"',
        }),
    }),
    body: Policy,
    responses: { 200: json(Policy, 'The current policy.', { ...replayed, etag: ETAG }) },
    problems: ['not_found', 'policy_changed', 'idempotency_key_reused', 'quota_exceeded'],
    async handle(call) {
      const { tenant } = call.params;
      const document = call.body;
      requireGrant(celeryGrants, tenant, document);
      const message = call.query.message ?? null;
      const ifVersion = call.headers['if-match'] ?? null;
      const identity = requestIdentity(call, call.headers['idempotency-key'], {
        call: 'put policy',
        document: z.json().parse(document),
        message,
        ifVersion,
      });
      const answer = await putPolicy(db, {
        tenant,
        document,
        message,
        ifVersion,
        ...identity,
        at: Date.now(),
      });
      if (answer.kind === 'stale') throw changed(answer.version);
      if (answer.kind !== 'stands') throw refusal(answer, tenant);
      return jsonResponse(document, 200, {
        ...policyHeaders(answer.version),
        ...replayedHeader(answer.replayed),
      });
    },
  });
}

/** Throws `invalid_request` if the policy uses a Celery task that the operator does not allow. */
function requireGrant(
  grants: ApiDeps['celeryGrants'],
  tenant: string,
  { compile }: { readonly compile: Policy['compile'] },
): void {
  if (compile.executor !== 'celery') return;
  const message = celeryRefusal(grants, tenant, compile);
  if (message !== null) throw requestError('invalid_request', [{ in: 'body', pointer: '/compile', message }]);
}

function changed(policyVersion: number): PointsmanError {
  const detail = `The policy is now at version ${policyVersion}. Review it, then retry with that version in If-Match.`;
  return new PointsmanError('policy_changed', detail, { details: { policyVersion } });
}

function versionsEndpoint({ db }: ApiDeps): Endpoint {
  const byVersion = {
    schema: z.number().int(),
    of: ({ version }: { version: number }) => version,
  };
  return endpoint({
    method: 'get',
    path: paths.policyVersions,
    operationId: 'listPolicyVersions',
    summary: 'List the versions of a policy',
    description: 'Who set the policy, when and why, newest first.',
    tags: ['policy'],
    may: 'read',
    params: TenantParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(PolicyVersionView, 'PolicyVersionPage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant }, query }) {
      await requireTenant(db, tenant);
      const page = await readPage(query, byVersion, ({ after = null, limit }) =>
        listPolicies(db, tenant, { before: after, limit }),
      );
      return jsonResponse(page, 200);
    },
  });
}

function policyHeaders(version: number): Record<string, string> {
  return { etag: etagOf(version), 'cache-control': 'private, no-cache' };
}
