import { z } from 'zod';

import { SinkName } from '@pointsman/protocol/identifiers';
import { paths } from '@pointsman/protocol/paths';
import { AttemptView, SinkView } from '@pointsman/protocol/sinks/sink-view';
import { findSink, listAttempts } from '../../postgres/sinks/sinks.ts';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { json } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { SinkParams, TenantParams, WebhookParams } from '../requests/params.ts';
import { viewAttempt } from './sink-view.ts';
import { noSink, loadSink, loadSinks } from './load-sink.ts';

/** The endpoints that read sinks. They require permission for the action `read`. */
export function sinkEndpoints(parts: ApiDeps): Endpoint[] {
  return [listEndpoint(parts), findEndpoint(parts), attemptsEndpoint(parts)];
}

const byName = { schema: SinkName, of: ({ sink }: { sink: string }) => sink };

function listEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.sinks,
    operationId: 'listSinks',
    summary: 'List sinks',
    description:
      "The destinations of a tenant's moves, sorted by name: its webhooks, and `redis` and `rabbitmq` if the platform has them.",
    tags: ['sinks'],
    may: 'read',
    params: TenantParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(SinkView, 'SinkPage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant }, query }) {
      const all = await loadSinks(parts, tenant);
      const page = await readPage(query, byName, async ({ after = '', limit }) =>
        all.filter(({ sink }) => sink > after).slice(0, limit),
      );
      return jsonResponse(page, 200);
    },
  });
}

function findEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.sink,
    operationId: 'getSink',
    summary: 'Get a sink',
    description: 'The progress and the health of a sink. A webhook’s secret is never shown.',
    tags: ['sinks'],
    may: 'read',
    params: SinkParams,
    responses: { 200: json(SinkView, 'The sink.') },
    problems: ['not_found'],
    async handle({ params: { tenant, sink } }) {
      return jsonResponse(await loadSink(parts, tenant, sink), 200);
    },
  });
}

const byNumber = { schema: z.number().int(), of: ({ n }: { n: number }) => n };

function attemptsEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.sinkAttempts,
    operationId: 'listAttempts',
    summary: 'List delivery attempts of a webhook',
    description: 'Attempts, newest first: the last thousand.',
    tags: ['sinks'],
    may: 'read',
    params: WebhookParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(AttemptView, 'AttemptPage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant, sink }, query }) {
      if ((await findSink(db, tenant, sink)) === null) throw await noSink({ db }, tenant, sink);
      const page = await readPage(query, byNumber, ({ after, limit }) =>
        listAttempts(db, tenant, sink, { before: after, limit }),
      );
      return jsonResponse({ ...page, items: page.items.map(viewAttempt) }, 200);
    },
  });
}
