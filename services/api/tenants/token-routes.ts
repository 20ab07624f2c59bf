import { randomBytes, randomUUID } from 'node:crypto';

import { z } from 'zod';

import { Role, TOKEN_PREFIX, TokenId } from '@pointsman/protocol/access';
import { base58 } from '../../../core/base58.ts';
import { PointsmanError } from '@pointsman/protocol/errors';
import { TenantName } from '@pointsman/protocol/identifiers';
import { requestLimits } from '@pointsman/protocol/limits';
import { quotaError } from '@pointsman/protocol/quota';
import { paths } from '@pointsman/protocol/paths';
import { NewToken } from '@pointsman/protocol/tenants/tenant-bodies';
import { TokenMade, TokenView } from '@pointsman/protocol/tenants/token-view';
import { hashToken } from '../../config/settings.ts';
import {
  type CreateAnswer,
  createToken,
  findTokenById,
  listTokens,
  revokeToken,
  type TokenRecord,
} from '../../postgres/tenants/tokens.ts';
import { notFound, requireTenant } from '../responses/not-found.ts';
import { authorise, callerOf } from '../access/access.ts';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { streamLimits } from '../limits.ts';
import { empty, json } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { IdempotencyKey } from '../requests/params.ts';
import { refusal } from '../responses/refusal.ts';
import { tokenCursor } from './token-view.ts';

export function tokenEndpoints(parts: ApiDeps): Endpoint[] {
  return [createEndpoint(parts), listEndpoint(parts), revokeEndpoint(parts)];
}

function createEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.tokens,
    operationId: 'createToken',
    summary: 'Create a token',
    description:
      'The token is shown only in this response; its hash is stored. A repeated request with the same `Idempotency-Key` creates no second token and does not show the first one again. It returns 409 with `replayed` and the `tokenId`; if the first response is lost, revoke that token and create another. A name can have one active token: a second one returns 409. An admin of a tenant creates tokens of its own tenant. An admin of the platform creates tokens of any tenant, and of the platform if `tenant` is omitted.',
    tags: ['tokens'],
    may: 'administer',
    whose: 'caller',
    headers: z.object({ 'idempotency-key': IdempotencyKey }),
    body: NewToken,
    responses: {
      201: json(TokenMade, 'The token. Shown only in this response.', { cacheControl: '`no-store`.' }),
    },
    problems: ['not_found', 'conflict', 'idempotency_key_reused', 'quota_exceeded'],
    async handle(call) {
      const caller = callerOf(call);
      const tenant = call.body.tenant ?? caller.tenant;
      authorise(caller, 'administer', tenant);
      const { name } = call.body;
      // Sort the roles. Requests with the same roles in a different order then count as the same idempotent request.
      const roles = Role.options.filter((role) => call.body.roles.includes(role));
      const token = TOKEN_PREFIX + base58(randomBytes(32));
      const answer = await createToken(db, {
        id: randomUUID(),
        name,
        tenant,
        roles,
        sha256: hashToken(token),
        ...requestIdentity(call, call.headers['idempotency-key'], {
          call: 'create token',
          tenant,
          name,
          roles,
        }),
        at: Date.now(),
      });
      if (answer.kind !== 'made') throw refused(answer, name, tenant);
      const { id, createdAt, createdBy } = answer.token;
      call.log.info({ tokenId: id, name, tenant, roles, by: createdBy }, 'created a token');
      return jsonResponse({ id, name, tenant, roles, token, createdAt, createdBy }, 201);
    },
  });
}

function listEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.tokens,
    operationId: 'listTokens',
    summary: 'List tokens',
    description:
      'Newest first, without the tokens themselves. An admin of a tenant sees the tokens of that tenant. An admin of the platform sees all tokens, or those of one tenant. Revoked tokens stay listed permanently.',
    tags: ['tokens'],
    may: 'administer',
    whose: 'caller',
    query: PageQuery.extend({
      tenant: TenantName.optional().meta({
        description: 'Return only the tokens of this tenant.',
        example: 'acme',
      }),
      state: z
        .enum(['active', 'revoked', 'all'])
        .optional()
        .meta({ description: 'Tokens in this state. Default: `active`.', example: 'all' }),
    }),
    responses: { 200: json(namedPageOf(TokenView, 'TokenPage'), 'One page.') },
    problems: ['not_found'],
    async handle(call) {
      const caller = callerOf(call);
      const { query } = call;
      const tenant = query.tenant ?? caller.tenant;
      authorise(caller, 'administer', tenant);
      if (tenant !== null) await requireTenant(db, tenant);
      const state = query.state ?? 'active';
      const page = await readPage(query, tokenCursor, ({ after, limit }) =>
        listTokens(db, { tenant, state, limit, ...(after === undefined ? {} : { after }) }),
      );
      return jsonResponse(page, 200);
    },
  });
}

function revokeEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'delete',
    path: paths.token,
    operationId: 'revokeToken',
    summary: 'Revoke a token',
    description: `The token is refused from the next request on. Open requests end at their usual limit: a long-poll within ${requestLimits.waitMs / 1_000} s, a stream within ${streamLimits.lifetimeMs / 60_000} min. The name becomes available, and the token stays listed as revoked. Idempotent. A token can revoke itself; an admin of its tenant or of the platform can revoke it too. The environment's token cannot be revoked: change it in the environment.`,
    tags: ['tokens'],
    may: 'read',
    whose: 'caller',
    params: z.strictObject({
      id: TokenId.meta({
        description: 'The id of the token. Do not put the token itself into a URL.',
        example: '0b9f2c6e-7c1d-4c43-9d3e-0a6f1f0f8a52',
      }),
    }),
    responses: { 204: empty('The token was revoked.') },
    problems: ['not_found'],
    async handle(call) {
      const caller = callerOf(call);
      const { id } = call.params;
      const token = await findTokenById(db, id);
      // Treat a token that does not exist as a platform token. A tenant's admin then gets the same error for it as for another tenant's
      // token.
      if (id !== caller.id) authorise(caller, 'administer', token?.tenant ?? null);
      if (token === null) throw notFound(`The token ${id} does not exist.`);
      const revoked = await revokeToken(db, token, {
        by: caller.name,
        requestId: call.ids.requestId,
        at: Date.now(),
      });
      if (revoked) call.log.info(logFields(token, caller.name), 'revoked a token');
      return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } });
    },
  });
}

function logFields({ id, name, tenant }: TokenRecord, by: string): object {
  return { tokenId: id, name, tenant, by };
}

function refused(
  answer: Exclude<CreateAnswer, { kind: 'made' }>,
  name: string,
  tenant: string | null,
): PointsmanError {
  switch (answer.kind) {
    case 'made_before':
      return new PointsmanError(
        'conflict',
        'This request already created a token under this Idempotency-Key, and a token is shown only once. If you have lost it, revoke it and create another under a new key.',
        { details: { tokenId: answer.id, replayed: true } },
      );
    case 'name_taken':
      return new PointsmanError(
        'conflict',
        `An active token already has the name "${name}". Revoke it first.`,
        {
          details: { tokenId: answer.id },
        },
      );
    case 'quota_exceeded':
      return quotaError(answer);
    case 'key_reused':
      return refusal({ kind: 'key_reused' }, tenant ?? '');
    case 'no_tenant':
      return notFound(`The tenant "${tenant}" does not exist.`);
  }
}
