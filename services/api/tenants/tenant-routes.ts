import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { TenantName } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { NewTenant } from '@pointsman/protocol/tenants/tenant-bodies';
import { TenantView } from '@pointsman/protocol/tenants/tenant-view';
import { createTenantOnce } from '../../postgres/tenants/idempotency.ts';
import { findTenant, listTenants } from '../../postgres/tenants/tenants.ts';
import { notFound } from '../responses/not-found.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { json, replayed } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { IdempotencyKey, TenantParams } from '../requests/params.ts';
import { refusal } from '../responses/refusal.ts';

const byName = { schema: TenantName, of: ({ tenant }: { tenant: string }) => tenant };

export function tenantEndpoints(parts: ApiDeps): Endpoint[] {
  return [createEndpoint(parts), listEndpoint(parts), findEndpoint(parts)];
}

function createEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.tenants,
    operationId: 'createTenant',
    summary: 'Create a tenant',
    description: 'Names are never reused. An existing name returns 409.',
    tags: ['tenants'],
    may: 'administer',
    headers: z.object({ 'idempotency-key': IdempotencyKey }),
    body: NewTenant,
    responses: { 201: json(TenantView, 'The tenant was created.', { ...replayed, location: true }) },
    problems: ['conflict', 'idempotency_key_reused'],
    async handle(call) {
      const { tenant } = call.body;
      const identity = requestIdentity(call, call.headers['idempotency-key'], {
        call: 'create tenant',
        tenant,
      });
      const done = await createTenantOnce(db, { tenant, ...identity, at: Date.now() });
      if (done === 'exists') throw new PointsmanError('conflict', `The tenant "${tenant}" already exists.`);
      if (done === 'key_reused') throw refusal({ kind: 'key_reused' }, tenant);
      const headers = { location: pathOf(paths.tenant, { tenant }), ...replayedHeader(done === 'replayed') };
      return jsonResponse(await findTenant(db, tenant), 201, headers);
    },
  });
}

function listEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.tenants,
    operationId: 'listTenants',
    summary: 'List tenants',
    description: 'All tenants, sorted by name.',
    tags: ['tenants'],
    may: 'administer',
    query: PageQuery,
    responses: { 200: json(namedPageOf(TenantView, 'TenantPage'), 'One page.') },
    async handle({ query }) {
      const page = await readPage(query, byName, ({ after, limit }) =>
        listTenants(db, { limit, ...(after === undefined ? {} : { after }) }),
      );
      return jsonResponse(page, 200);
    },
  });
}

function findEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.tenant,
    operationId: 'getTenant',
    summary: 'Get a tenant',
    description: 'Whether a tenant exists, and since when.',
    tags: ['tenants'],
    may: 'read',
    params: TenantParams,
    responses: { 200: json(TenantView, 'The tenant.') },
    problems: ['not_found'],
    async handle({ params: { tenant } }) {
      const found = await findTenant(db, tenant);
      if (found === null) throw notFound(`The tenant "${tenant}" does not exist.`);
      return jsonResponse(found, 200);
    },
  });
}
