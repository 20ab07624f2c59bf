import { z } from 'zod';

import type { PointsmanError } from '@pointsman/protocol/errors';
import { DEFAULT_CHANNEL, HookName } from '@pointsman/protocol/identifiers';
import { paths } from '@pointsman/protocol/paths';
import { HookBody } from '@pointsman/protocol/hooks/hook-body';
import { HookView } from '@pointsman/protocol/hooks/hook-view';
import { deleteHook, findHook, listHooks, putHook } from '../../postgres/hooks/hooks.ts';
import { missingError, requireTenant } from '../responses/not-found.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { viewHook } from './hook-view.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { empty, json, replayed } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { HookParams, IdempotencyKey, TenantParams } from '../requests/params.ts';
import { requestError } from '../responses/problem.ts';
import { noChannel, refusal } from '../responses/refusal.ts';
import { requireKey } from '../secret-key.ts';

export function hookEndpoints(parts: ApiDeps): Endpoint[] {
  return [putEndpoint(parts), findEndpoint(parts), listEndpoint(parts), deleteEndpoint(parts)];
}

function putEndpoint({ db, secrets }: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: paths.hook,
    operationId: 'setHook',
    summary: 'Set a hook',
    description:
      'Creates or replaces a rule that publishes on a push. Configure the provider with the path `deliverTo` and the secret. GitHub: use the content type `application/json`.',
    tags: ['hooks'],
    may: 'administer',
    params: HookParams,
    headers: z.object({ 'idempotency-key': IdempotencyKey }),
    body: HookBody,
    responses: {
      200: json(HookView, 'The hook was replaced.', replayed),
      201: json(HookView, 'The hook was created.', replayed),
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
      if (found === null) throw await missingError(db, { tenant }, `hook "${hook}"`);
      return jsonResponse(
        viewHook(tenant, found, box),
        answer.created ? 201 : 200,
        replayedHeader(answer.replayed),
      );
    },
  });
}

/**
 * A generic hook cannot reuse the stored secret of another provider's hook, because that secret may not have the Standard Webhooks format.
 */
async function requireGenericSecret(db: ApiDeps['db'], tenant: string, hook: string): Promise<void> {
  const found = await findHook(db, tenant, hook);
  if (found !== null && found.provider !== 'generic')
    throw missing(
      'secret',
      `this is missing: a generic hook cannot reuse the secret of a ${found.provider} hook`,
    );
}

function refused(
  answer: Exclude<Awaited<ReturnType<typeof putHook>>, { kind: 'saved' | 'no_channel' }>,
  tenant: string,
): PointsmanError {
  switch (answer.kind) {
    case 'secret_needed':
      return missing('secret', 'this is missing: the hook does not have a secret yet');
    case 'token_needed':
      return missing(
        'token',
        'this is missing: the stored token is for another API. Give a token for this API, or null',
      );
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
    path: paths.hook,
    operationId: 'getHook',
    summary: 'Get a hook',
    description: 'The rule. The secret and the token are never shown.',
    tags: ['hooks'],
    may: 'read',
    params: HookParams,
    responses: { 200: json(HookView, 'The hook.') },
    problems: ['not_found'],
    async handle({ params: { tenant, hook } }) {
      const found = await findHook(db, tenant, hook);
      if (found === null) throw await missingError(db, { tenant }, `hook "${hook}"`);
      return jsonResponse(viewHook(tenant, found, secrets), 200);
    },
  });
}

const byName = { schema: HookName, of: ({ hook }: { hook: string }) => hook };

function listEndpoint({ db, secrets }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.hooks,
    operationId: 'listHooks',
    summary: 'List hooks',
    description: 'The hooks of a tenant, sorted by name.',
    tags: ['hooks'],
    may: 'read',
    params: TenantParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(HookView, 'HookPage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant }, query }) {
      await requireTenant(db, tenant);
      const page = await readPage(query, byName, ({ after = '', limit }) =>
        listHooks(db, tenant, { after, limit }),
      );
      return jsonResponse({ ...page, items: page.items.map((one) => viewHook(tenant, one, secrets)) }, 200);
    },
  });
}

function deleteEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'delete',
    path: paths.hook,
    operationId: 'deleteHook',
    summary: 'Delete a hook',
    description:
      'Deliveries to the hook are refused from now on, and commit statuses are no longer posted. Releases that it published stay, and so do its recorded deliveries.',
    tags: ['hooks'],
    may: 'administer',
    params: HookParams,
    responses: { 204: empty('The hook was deleted.') },
    problems: ['not_found'],
    async handle({ params: { tenant, hook }, principal, ids }) {
      const by = principal?.name ?? 'nobody';
      const deleted = await deleteHook(db, tenant, hook, { by, requestId: ids.requestId, at: Date.now() });
      if (!deleted) throw await missingError(db, { tenant }, `hook "${hook}"`);
      return new Response(null, { status: 204 });
    },
  });
}
