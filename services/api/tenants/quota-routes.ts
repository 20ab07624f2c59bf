import { z } from 'zod';

import { quotaDefaults } from '../../../core/limits/storage-limits.ts';
import { type Quota, QuotaChanges } from '@pointsman/protocol/quota';
import { paths } from '@pointsman/protocol/paths';
import { Quotas } from '@pointsman/protocol/tenants/quota-view';
import { readQuotas, setQuotas } from '../../postgres/tenants/quotas.ts';
import { notFound } from '../responses/not-found.ts';
import { authorise, callerOf } from '../access/access.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { json, replayed } from '../responses/openapi-responses.ts';
import { IdempotencyKey, TenantParams } from '../requests/params.ts';
import { refusal } from '../responses/refusal.ts';

export function quotaEndpoints(parts: ApiDeps): Endpoint[] {
  return [listEndpoint(parts), setEndpoint(parts)];
}

function listEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.quotas,
    operationId: 'listQuotas',
    summary: 'Get the quotas of a tenant',
    description:
      'Every quota, with its usage, limit and default. A request that would exceed one returns 429 `quota_exceeded` with `quota`, or 413 `larger_than_quota` if it alone exceeds the limit. Rolling back, promoting, holding, cancelling, deciding gates and deleting are never refused.',
    tags: ['quotas'],
    may: 'read',
    params: TenantParams,
    responses: { 200: json(Quotas, 'The quotas.') },
    problems: ['not_found'],
    async handle({ params: { tenant } }) {
      return jsonResponse({ items: await loadQuotas(db, tenant) }, 200);
    },
  });
}

function setEndpoint({ db }: ApiDeps): Endpoint {
  const defaults = Object.entries(quotaDefaults).map(([name, limit]) => `\`${name}\` ${limit}`);
  return endpoint({
    method: 'put',
    path: paths.quotas,
    operationId: 'setQuotas',
    summary: 'Set quotas of a tenant',
    description: `Only for admins of the platform, not of the tenant. A limit below the usage refuses further requests and deletes nothing. The defaults: ${defaults.join(', ')}.`,
    tags: ['quotas'],
    may: 'administer',
    params: TenantParams,
    headers: z.object({ 'idempotency-key': IdempotencyKey }),
    body: QuotaChanges,
    responses: { 200: json(Quotas, 'The quotas after the change.', replayed) },
    problems: ['not_found', 'idempotency_key_reused'],
    async handle(call) {
      // Only an admin of the platform may set quotas. Otherwise a tenant's admin could raise the quotas of that tenant.
      authorise(callerOf(call), 'administer', null);
      const { tenant } = call.params;
      const quotas = call.body;
      const identity = requestIdentity(call, call.headers['idempotency-key'], { call: 'set quotas', quotas });
      const answer = await setQuotas(db, { tenant, quotas, ...identity, at: Date.now() });
      if (answer.kind !== 'set') throw refusal(answer, tenant);
      call.log.info({ tenant, quotas, by: identity.by }, 'set quotas');
      return jsonResponse({ items: await loadQuotas(db, tenant) }, 200, replayedHeader(answer.replayed));
    },
  });
}

async function loadQuotas(db: ApiDeps['db'], tenant: string): Promise<Quota[]> {
  const quotas = await readQuotas(db, tenant);
  if (quotas === null) throw notFound(`The tenant "${tenant}" does not exist.`);
  return quotas;
}
