import { z } from 'zod';

import { paths } from '@pointsman/protocol/paths';
import { OpenGateView } from '@pointsman/protocol/releases/gate-view';
import { listOpenGates, openGatePosition, OpenGatePosition } from '../../postgres/releases/gates.ts';
import { requireTenant } from '../responses/not-found.ts';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { viewOpenGate } from './gate-view.ts';
import { json } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { TenantParams } from '../requests/params.ts';

const Query = PageQuery.extend({
  state: z
    .enum(['open'])
    .optional()
    .meta({ description: 'Only gates in this state. `open` is the default and the only value.' }),
});

export function gateEndpoints(parts: ApiDeps): Endpoint[] {
  return [listEndpoint(parts)];
}

function listEndpoint({ db }: ApiDeps): Endpoint {
  const byAge = { schema: OpenGatePosition, of: openGatePosition };
  return endpoint({
    method: 'get',
    path: paths.gates,
    operationId: 'listGates',
    summary: 'List open gates',
    description:
      'The open gates of all releases of the tenant, oldest first: what each waits for, and until when.',
    tags: ['gates'],
    may: 'read',
    params: TenantParams,
    query: Query,
    responses: { 200: json(namedPageOf(OpenGateView, 'OpenGatePage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant }, query }) {
      await requireTenant(db, tenant);
      const page = await readPage(query, byAge, ({ after = null, limit }) =>
        listOpenGates(db, tenant, { after, limit }),
      );
      return jsonResponse({ ...page, items: page.items.map((gate) => viewOpenGate(tenant, gate)) }, 200);
    },
  });
}
