import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { feedCursor } from '@pointsman/protocol/moves/feed-cursor';
import { paths } from '@pointsman/protocol/paths';
import { EmptyBody, PauseBody, ReplayBody } from '@pointsman/protocol/sinks/sink-bodies';
import { SinkView } from '@pointsman/protocol/sinks/sink-view';
import type { ControlResult, ControlRequest } from '../../../handlers/contract/sink.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Call, type Endpoint, endpoint, type EndpointDefinition } from '../http/endpoint.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { json, replayed } from '../responses/openapi-responses.ts';
import { IdempotencyKey, SinkParams } from '../requests/params.ts';
import { refusal } from '../responses/refusal.ts';
import { noSink, loadSink } from './load-sink.ts';

const headers = z.object({ 'idempotency-key': IdempotencyKey });

/** The endpoints that pause, resume and replay a sink. The single writer of a sink processes these requests one after the other. */
export function sinkControlEndpoints(parts: ApiDeps): Endpoint[] {
  return [pauseEndpoint(parts), resumeEndpoint(parts), replayEndpoint(parts)];
}

const controlRoute = {
  method: 'post',
  tags: ['sinks'],
  may: 'administer',
  params: SinkParams,
  headers,
  responses: { 200: json(SinkView, 'The sink.', replayed) },
} satisfies Partial<EndpointDefinition<typeof SinkParams, never, typeof headers, never>>;

function pauseEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    ...controlRoute,
    path: paths.sinkPause,
    operationId: 'pauseSink',
    summary: 'Pause a sink',
    description:
      'Stops deliveries of this tenant’s moves until the sink is resumed. The moves of that time are then delivered in order, as far back as the feed reaches.',
    body: PauseBody,
    problems: ['not_found', 'idempotency_key_reused'],
    handle: (call) => control(parts, call, { kind: 'pause', reason: call.body?.reason ?? null }),
  });
}

function resumeEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    ...controlRoute,
    path: paths.sinkResume,
    operationId: 'resumeSink',
    summary: 'Resume a sink',
    description:
      'Resumes immediately, at the cursor. Also ends the wait for the next retry, and a pause after repeated failures of the endpoint.',
    body: EmptyBody,
    problems: ['not_found', 'idempotency_key_reused'],
    handle: (call) => control(parts, call, { kind: 'resume' }),
  });
}

function replayEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    ...controlRoute,
    path: paths.sinkReplay,
    operationId: 'replaySink',
    summary: 'Replay moves',
    description:
      'Delivers all moves after the cursor again, in order, then continues. Events keep their ids, so receivers can recognise repetitions. In a shared stream only this tenant’s events are repeated.',
    body: ReplayBody,
    problems: ['not_found', 'idempotency_key_reused', 'foreign_cursor', 'cursor_ahead', 'cursor_expired'],
    handle(call) {
      const { tenant } = call.params;
      const { after } = call.body;
      if (after.tenant !== tenant) {
        throw new PointsmanError(
          'foreign_cursor',
          `The cursor belongs to another feed: a cursor of this feed begins with "${tenant}:".`,
        );
      }
      return control(parts, call, { kind: 'replay', after: after.seq });
    },
  });
}

type SinkCall = Call<z.output<typeof SinkParams>, unknown, z.output<typeof headers>, unknown>;

async function control(parts: ApiDeps, call: SinkCall, how: ControlRequest['control']): Promise<Response> {
  const { tenant, sink } = call.params;
  await loadSink(parts, tenant, sink);
  const identity = requestIdentity(call, call.headers['idempotency-key'], {
    call: 'control sink',
    sink,
    ...how,
  });
  const answer = await parts
    .sinks({ tenant, sink }, call.ids)
    .control({ tenant, sink, control: how, ...identity });
  if (answer.kind === 'no_sink') throw await noSink(parts, tenant, sink);
  if (answer.kind !== 'done') throw refused(answer, tenant);
  return jsonResponse(await loadSink(parts, tenant, sink), 200, replayedHeader(answer.replayed));
}

function refused(
  answer: Exclude<ControlResult, { kind: 'done' | 'no_sink' }>,
  tenant: string,
): PointsmanError {
  switch (answer.kind) {
    case 'ahead': {
      const latest = feedCursor({ tenant, seq: answer.latest });
      return new PointsmanError('cursor_ahead', `The feed ends at ${latest}. Use a cursor at or before it.`, {
        details: { latest },
      });
    }
    case 'expired': {
      const [oldest, latest] = [answer.oldest, answer.latest].map((seq) => feedCursor({ tenant, seq }));
      return new PointsmanError(
        'cursor_expired',
        `The feed begins after ${oldest}. To catch up from before that, read the pointers themselves.`,
        { details: { oldest, latest } },
      );
    }
    case 'key_reused':
      return refusal(answer, tenant);
  }
}
