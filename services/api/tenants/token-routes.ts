import { randomBytes, randomUUID } from 'node:crypto';

import { z } from 'zod';

import { Role, TOKEN_PREFIX, TokenId } from '../../../core/access.ts';
import { base58 } from '../../../core/base58.ts';
import { PointsmanError } from '../../../core/errors.ts';
import { TenantName } from '../../../core/identifiers.ts';
import { httpLimits } from '../../../core/limits/limits.ts';
import { quotaError } from '../../../core/quota.ts';
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
import { jsonAnswer } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { streamLimits } from '../limits.ts';
import { empty, json } from '../responses/openapi-responses.ts';
import { pageOf, PageQuery, readPage } from '../requests/pages.ts';
import { IdempotencyKey } from '../requests/params.ts';
import { refusal } from '../responses/refusal.ts';
import { NewToken, tokenCursor, TokenMade, TokenView } from './token-view.ts';

export function tokenEndpoints(parts: ApiDeps): Endpoint[] {
  return [createEndpoint(parts), listEndpoint(parts), revokeEndpoint(parts)];
}

function createEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: '/v1/tokens',
    operationId: 'createToken',
    summary: 'Make a token',
    description:
      'The answer is the only place where the token is ever shown: what is kept is its hash. So a repeated request under the same `Idempotency-Key` makes no second token and does not show the first one again; it is answered 409 with `replayed` and the `tokenId`, to be revoked and made anew by whoever lost the answer. One active token speaks by a name: another is 409 until that one is revoked. An admin of a tenant makes tokens of its own tenant; one of the platform those of any, and of the platform itself where `tenant` is left out.',
    tags: ['tokens'],
    may: 'administer',
    whose: 'caller',
    headers: z.object({ 'idempotency-key': IdempotencyKey }),
    body: NewToken,
    responses: { 201: json(TokenMade, 'The token, shown this once.', { cacheControl: '`no-store`.' }) },
    problems: ['not_found', 'conflict', 'idempotency_key_reused', 'quota_exceeded'],
    async handle(call) {
      const caller = callerOf(call);
      const tenant = call.body.tenant ?? caller.tenant;
      authorise(caller, 'administer', tenant);
      const { name } = call.body;
      // In one order, so that the same roles are the same request.
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
      call.log.info({ tokenId: id, name, tenant, roles, by: createdBy }, 'made a token');
      return jsonAnswer({ id, name, tenant, roles, token, createdAt, createdBy }, 201);
    },
  });
}

function listEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/tokens',
    operationId: 'listTokens',
    summary: 'List tokens',
    description:
      "Newest first, without the tokens themselves. An admin of a tenant sees its own tenant's; one of the platform sees all, or a tenant's. Revoked ones stay listed for good.",
    tags: ['tokens'],
    may: 'administer',
    whose: 'caller',
    query: PageQuery.extend({
      tenant: TenantName.optional().meta({ description: 'Only those of this tenant.', example: 'acme' }),
      state: z
        .enum(['active', 'revoked', 'all'])
        .optional()
        .meta({ description: 'Which of them; `active` unless told.', example: 'all' }),
    }),
    responses: { 200: json(pageOf(TokenView, 'TokenPage'), 'One page.') },
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
      return jsonAnswer(page, 200);
    },
  });
}

function revokeEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'delete',
    path: '/v1/tokens/{id}',
    operationId: 'revokeToken',
    summary: 'Revoke a token',
    description: `Refused from the next request on. What is open already ends at its usual bound: a long-poll within ${httpLimits.waitMs / 1_000} s, a stream within ${streamLimits.lifetimeMs / 60_000} min. The name is free again, and the token stays listed as revoked. Revoking twice is revoking once. Whoever holds a token may revoke it; another's needs an admin of its tenant, or of the platform. The token of the environment is no such token, and is changed there.`,
    tags: ['tokens'],
    may: 'read',
    whose: 'caller',
    params: z.strictObject({
      id: TokenId.meta({
        description: 'The id of the token: not the token itself, which belongs in no address.',
        example: '0b9f2c6e-7c1d-4c43-9d3e-0a6f1f0f8a52',
      }),
    }),
    responses: { 204: empty('The token is worth nothing any more.') },
    problems: ['not_found'],
    async handle(call) {
      const caller = callerOf(call);
      const { id } = call.params;
      const token = await findTokenById(db, id);
      // One that is not there counts as the platform's: a tenant's admin is told the same of both, and of another tenant's.
      if (id !== caller.id) authorise(caller, 'administer', token?.tenant ?? null);
      if (token === null) throw notFound(`There is no token ${id}.`);
      const revoked = await revokeToken(db, token, {
        by: caller.name,
        requestId: call.ids.requestId,
        at: Date.now(),
      });
      if (revoked) call.log.info(said(token, caller.name), 'revoked a token');
      return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } });
    },
  });
}

function said({ id, name, tenant }: TokenRecord, by: string): object {
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
        'This request made a token before, under this Idempotency-Key, and a token is shown once. If you have lost it, revoke it and make another under a new key.',
        { details: { tokenId: answer.id, replayed: true } },
      );
    case 'name_taken':
      return new PointsmanError(
        'conflict',
        `An active token is called "${name}" already; revoke that one first.`,
        {
          details: { tokenId: answer.id },
        },
      );
    case 'quota_exceeded':
      return quotaError(answer);
    case 'key_reused':
      return refusal({ kind: 'key_reused' }, tenant ?? '');
    case 'no_tenant':
      return notFound(`There is no tenant "${tenant}".`);
  }
}
