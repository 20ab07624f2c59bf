import { BundleName, ChannelName } from '@pointsman/protocol/identifiers';
import { paths } from '@pointsman/protocol/paths';
import { ChannelView } from '@pointsman/protocol/moves/pointer-view';
import { BundleView } from '@pointsman/protocol/tenants/bundle-view';
import { listBundles } from '../../postgres/content/bundles.ts';
import { listPointers } from '../../postgres/channels/pointers.ts';
import { requireBundle, requireTenant } from '../responses/not-found.ts';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { json } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { BundleParams, TenantParams } from '../requests/params.ts';

export function bundleEndpoints(parts: ApiDeps): Endpoint[] {
  return [listBundlesEndpoint(parts), listChannelsEndpoint(parts)];
}

function listBundlesEndpoint({ db }: ApiDeps): Endpoint {
  const byName = { schema: BundleName, of: ({ bundle }: { bundle: string }) => bundle };
  return endpoint({
    method: 'get',
    path: paths.bundles,
    operationId: 'listBundles',
    summary: 'List bundles',
    description: 'The bundles of a tenant, sorted by name. The first publish creates a bundle.',
    tags: ['bundles'],
    may: 'read',
    params: TenantParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(BundleView, 'BundlePage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant }, query }) {
      await requireTenant(db, tenant);
      const page = await readPage(query, byName, ({ after = '', limit }) =>
        listBundles(db, tenant, { after, limit }),
      );
      return jsonResponse(page, 200);
    },
  });
}

function listChannelsEndpoint({ db }: ApiDeps): Endpoint {
  const byName = { schema: ChannelName, of: ({ channel }: { channel: string }) => channel };
  return endpoint({
    method: 'get',
    path: paths.channels,
    operationId: 'listChannels',
    summary: 'List channels',
    description: 'The channels of a bundle, sorted by name, and what each points at.',
    tags: ['channels'],
    may: 'read',
    params: BundleParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(ChannelView, 'ChannelPage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant, bundle }, query }) {
      await requireBundle(db, tenant, bundle);
      const page = await readPage(query, byName, ({ after = '', limit }) =>
        listPointers(db, tenant, bundle, { after, limit }),
      );
      return jsonResponse(
        { ...page, items: page.items.map(({ channel, pointer }) => ({ channel, ...pointer })) },
        200,
      );
    },
  });
}
