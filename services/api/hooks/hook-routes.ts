import { z } from 'zod';

import type { PointsmanError } from '../../../core/errors.ts';
import { DEFAULT_CHANNEL, HookName } from '../../../core/identifiers.ts';
import { deleteHook, findHook, listHooks, putHook } from '../../postgres/hooks/hooks.ts';
import { absence, requireTenant } from '../responses/not-found.ts';
import { jsonAnswer, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { HookBody, HookView, viewHook } from './hook-view.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { empty, json, replayed } from '../responses/openapi-responses.ts';
import { pageOf, PageQuery, readPage } from '../requests/pages.ts';
import { HookParams, IdempotencyKey, TenantParams } from '../requests/params.ts';
import { requestError } from '../responses/problem.ts';
import { noChannel, refusal } from '../responses/refusal.ts';
import { requireKey } from '../secret-key.ts';

const PATH = '/v1/tenants/{tenant}/hooks/{hook}';

export function hookEndpoints(parts: ApiDeps): Endpoint[] {
  return [putEndpoint(parts), findEndpoint(parts), listEndpoint(parts), deleteEndpoint(parts)];
}

function putEndpoint({ db, secrets }: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: PATH,
    operationId: 'setHook',
    summary: 'Set a hook',
    description:
      'Makes a rule of what is published when somebody pushes, or replaces it. Give the provider its address (`deliverTo`) and the secret; GitHub: content type `application/json`.',
    tags: ['hooks'],
    may: 'administer',
    params: HookParams,
    headers: z.object({ 'idempotency-key': IdempotencyKey }),
    body: HookBody,
    responses: {
      200: json(HookView, 'The hook has been replaced.', replayed),
      201: json(HookView, 'The hook is there.', replayed),
    },
    problems: ['not_found', 'unknown_channel', 'idempotency_key_reused', 'no_secret_key', 'quota_exceeded'],
    async handle(call) {
      const { tenant, hook } = call.params;
      const box = requireKey(secrets);
      const { secret, token, apiUrl = null, path = null, channel = DEFAULT_CHANNEL, ...rule } = call.body;
      if (rule.provider === 'generic' && secret === undefined) await requireGenericSecret(db, tenant, hook);
      const asked = { ...rule, apiUrl, path, channel };
      const identity = requestIdentity(call, call.headers['idempotency-key'], {
        call: 'set hook',
        hook,
        ...asked,
        secret: secret === undefined ? null : box.fingerprint(secret),
        token: token ? box.fingerprint(token) : (token ?? 'kept'),
      });
      const answer = await putHook(db, {
        tenant,
        hook,
        ...asked,
        secret: secret === undefined ? null : box.seal(secret, { tenant, hook, field: 'secret' }),
        token: token ? box.seal(token, { tenant, hook, field: 'token' }) : null,
        dropToken: token === null,
        ...identity,
        at: Date.now(),
      });
      if (answer.kind === 'no_channel') throw noChannel(asked, answer);
      if (answer.kind !== 'saved') throw refused(answer, tenant);
      const found = await findHook(db, tenant, hook);
      if (found === null) throw await absence(db, { tenant }, `hook "${hook}"`);
      return jsonAnswer(
        viewHook(tenant, found, box),
        answer.created ? 201 : 200,
        replayedHeader(answer.replayed),
      );
    },
  });
}

/** A secret that another provider's hook has may not be one that signs Standard Webhooks: it is not kept for a generic hook. */
async function requireGenericSecret(db: ApiDeps['db'], tenant: string, hook: string): Promise<void> {
  const found = await findHook(db, tenant, hook);
  if (found !== null && found.provider !== 'generic')
    throw missing(
      'secret',
      `this is missing: the one of a ${found.provider} hook is not kept for a generic one`,
    );
}

function refused(
  answer: Exclude<Awaited<ReturnType<typeof putHook>>, { kind: 'saved' | 'no_channel' }>,
  tenant: string,
): PointsmanError {
  switch (answer.kind) {
    case 'secret_needed':
      return missing('secret', 'this is missing: there is none yet that could be kept');
    case 'token_needed':
      return missing('token', 'the one that is there was given for another API: give one for this, or null');
    default:
      return refusal(answer, tenant);
  }
}

function missing(field: string, message: string): PointsmanError {
  return requestError('invalid_request', [{ in: 'body', pointer: `/${field}`, message }]);
}

function findEndpoint({ db, secrets }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: PATH,
    operationId: 'getHook',
    summary: 'One hook',
    description: 'The rule. Its secret and its token are never shown.',
    tags: ['hooks'],
    may: 'read',
    params: HookParams,
    responses: { 200: json(HookView, 'The hook.') },
    problems: ['not_found'],
    async handle({ params: { tenant, hook } }) {
      const found = await findHook(db, tenant, hook);
      if (found === null) throw await absence(db, { tenant }, `hook "${hook}"`);
      return jsonAnswer(viewHook(tenant, found, secrets), 200);
    },
  });
}

const byName = { schema: HookName, of: ({ hook }: { hook: string }) => hook };

function listEndpoint({ db, secrets }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/tenants/{tenant}/hooks',
    operationId: 'listHooks',
    summary: 'List hooks',
    description: 'The hooks of a tenant, by name.',
    tags: ['hooks'],
    may: 'read',
    params: TenantParams,
    query: PageQuery,
    responses: { 200: json(pageOf(HookView, 'HookPage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant }, query }) {
      await requireTenant(db, tenant);
      const page = await readPage(query, byName, ({ after = '', limit }) =>
        listHooks(db, tenant, { after, limit }),
      );
      return jsonAnswer({ ...page, items: page.items.map((one) => viewHook(tenant, one, secrets)) }, 200);
    },
  });
}

function deleteEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'delete',
    path: PATH,
    operationId: 'deleteHook',
    summary: 'Delete a hook',
    description:
      'Nothing that is delivered to it is taken any more, and commits are told nothing more. What it has published stays, and so do its deliveries on record.',
    tags: ['hooks'],
    may: 'administer',
    params: HookParams,
    responses: { 204: empty('The hook is gone.') },
    problems: ['not_found'],
    async handle({ params: { tenant, hook }, principal, ids }) {
      const by = principal?.name ?? 'nobody';
      const deleted = await deleteHook(db, tenant, hook, { by, requestId: ids.requestId, at: Date.now() });
      if (!deleted) throw await absence(db, { tenant }, `hook "${hook}"`);
      return new Response(null, { status: 204 });
    },
  });
}
