import { z } from 'zod';

import { paths } from '@pointsman/protocol/paths';
import { EmptyBody, RedeliverBody } from '@pointsman/protocol/sinks/sink-bodies';
import { SentView } from '@pointsman/protocol/sinks/sink-view';
import type { SendRequest } from '../../../handlers/contract/sink.ts';
import { claimKey } from '../../postgres/tenants/idempotency.ts';
import { notFound } from '../responses/not-found.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Call, type Endpoint, endpoint } from '../http/endpoint.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { json, replayed } from '../responses/openapi-responses.ts';
import { IdempotencyKey, SinkParams, WebhookParams } from '../requests/params.ts';
import { refusal } from '../responses/refusal.ts';
import { noSink, loadSink } from './load-sink.ts';

const headers = z.object({ 'idempotency-key': IdempotencyKey });

/** The endpoints that send one event to a sink without moving the sink's cursor. The single writer of the sink sends the event. */
export function sendingEndpoints(parts: ApiDeps): Endpoint[] {
  return [testEndpoint(parts), redeliverEndpoint(parts)];
}

function testEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.sinkTest,
    operationId: 'testSink',
    summary: 'Send a test event',
    description:
      'Sends one event of the type `pointsman.sink.test` immediately, even while the sink is paused. Receivers ignore it.',
    tags: ['sinks'],
    may: 'administer',
    params: SinkParams,
    headers,
    body: EmptyBody,
    responses: { 200: json(SentView, 'The result.', replayed) },
    problems: ['not_found', 'idempotency_key_reused'],
    handle: (call) => send(parts, call, { kind: 'test' }),
  });
}

function redeliverEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.sinkRedeliver,
    operationId: 'redeliver',
    summary: 'Deliver one move again',
    description:
      'Sends one event to the webhook immediately, under its original id. The cursor does not move.',
    tags: ['sinks'],
    may: 'administer',
    params: WebhookParams,
    headers,
    body: RedeliverBody,
    responses: { 200: json(SentView, 'The result.', replayed) },
    problems: ['not_found', 'idempotency_key_reused'],
    handle: (call) => send(parts, call, { kind: 'move', seq: call.body.seq }),
  });
}

type SendCall = Call<z.output<typeof SinkParams>, unknown, z.output<typeof headers>, unknown>;

async function send(parts: ApiDeps, call: SendCall, what: SendRequest['what']): Promise<Response> {
  const { tenant, sink } = call.params;
  await loadSink(parts, tenant, sink);
  const { by, requestId, ...key } = requestIdentity(call, call.headers['idempotency-key'], {
    call: 'send to sink',
    sink,
    ...what,
  });
  const claimed = await claimKey(parts.db, { tenant, ...key, at: Date.now() });
  if (claimed === 'key_reused') throw refusal({ kind: 'key_reused' }, tenant);
  const answer = await parts
    .sinks({ tenant, sink }, call.ids)
    .send({ tenant, sink, what, by, requestId }, key.idempotencyKey);
  switch (answer.kind) {
    case 'no_sink':
      throw await noSink(parts, tenant, sink);
    case 'no_move':
      throw notFound('The feed does not have this move, or the move is too old to be delivered.');
    default: {
      const { event } = answer;
      const reason = answer.kind === 'sent' ? null : answer.reason;
      return jsonResponse({ sent: reason === null, event, reason }, 200, replayedHeader(claimed === 'known'));
    }
  }
}
