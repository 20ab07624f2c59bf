import { z } from 'zod';

import { PointsmanError } from '../../../core/errors.ts';
import { feedCursor, FeedCursorText } from '../../../core/moves/feed-cursor.ts';
import type { ControlResult, ControlRequest } from '../../../handlers/contract/sink.ts';
import { jsonAnswer, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Call, type Endpoint, endpoint, type EndpointDefinition } from '../http/endpoint.ts';
import { FreeText } from '../requests/free-text.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { json, replayed } from '../responses/openapi-responses.ts';
import { IdempotencyKey, SinkParams } from '../requests/params.ts';
import { refusal } from '../responses/refusal.ts';
import { SinkView } from './sink-view.ts';
import { noSink, standingSink } from './load-sink.ts';

const PATH = '/v1/tenants/{tenant}/sinks/{sink}';
const headers = z.object({ 'idempotency-key': IdempotencyKey });
const nothing = z.strictObject({}).optional();

/** Saying when and what a sink delivers. What is said here reaches the one writer of that sink, in whose turn it is done. */
export function steeringEndpoints(parts: ApiDeps): Endpoint[] {
  return [pauseEndpoint(parts), resumeEndpoint(parts), replayEndpoint(parts)];
}

const steering = {
  method: 'post',
  tags: ['sinks'],
  may: 'administer',
  params: SinkParams,
  headers,
  responses: { 200: json(SinkView, 'The sink.', replayed) },
} satisfies Partial<EndpointDefinition<typeof SinkParams, never, typeof headers, never>>;

const PauseBody = z
  .strictObject({ reason: FreeText.optional().meta({ description: 'Why, for people.' }) })
  .optional()
  .meta({ id: 'PauseBody', example: { reason: 'incident 4711' } });

function pauseEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    ...steering,
    path: `${PATH}/pause`,
    operationId: 'pauseSink',
    summary: 'Pause a sink',
    description:
      'Delivers nothing more of this tenant’s until it is resumed. What moves meanwhile is delivered then, in order, as far back as the feed goes.',
    body: PauseBody,
    problems: ['not_found', 'idempotency_key_reused'],
    handle: (call) => steer(parts, call, { kind: 'pause', reason: call.body?.reason ?? null }),
  });
}

function resumeEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    ...steering,
    path: `${PATH}/resume`,
    operationId: 'resumeSink',
    summary: 'Resume a sink',
    description:
      'Goes on from the cursor, at once: also where the next try would be later, and where the sink was paused because its endpoint failed.',
    body: nothing,
    problems: ['not_found', 'idempotency_key_reused'],
    handle: (call) => steer(parts, call, { kind: 'resume' }),
  });
}

const ReplayBody = z
  .strictObject({
    after: FeedCursorText.meta({ description: 'A cursor of this tenant’s feed.', example: 'acme:17' }),
  })
  .meta({ id: 'ReplayBody', example: { after: 'acme:17' } });

function replayEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    ...steering,
    path: `${PATH}/replay`,
    operationId: 'replaySink',
    summary: 'Deliver once more',
    description:
      'Delivers again all that comes after the cursor, in order, and then goes on. Events keep their ids, so that whoever has had them knows. Of a shared stream only this tenant’s events are repeated.',
    body: ReplayBody,
    problems: ['not_found', 'idempotency_key_reused', 'foreign_cursor', 'cursor_ahead', 'cursor_expired'],
    handle(call) {
      const { tenant } = call.params;
      const { after } = call.body;
      if (after.tenant !== tenant) {
        throw new PointsmanError('foreign_cursor', `A cursor of this feed begins with "${tenant}:".`);
      }
      return steer(parts, call, { kind: 'replay', after: after.seq });
    },
  });
}

type SinkCall = Call<z.output<typeof SinkParams>, unknown, z.output<typeof headers>, unknown>;

async function steer(parts: ApiDeps, call: SinkCall, how: ControlRequest['steer']): Promise<Response> {
  const { tenant, sink } = call.params;
  await standingSink(parts, tenant, sink);
  const identity = requestIdentity(call, call.headers['idempotency-key'], {
    call: 'steer sink',
    sink,
    ...how,
  });
  const answer = await parts
    .sinks({ tenant, sink }, call.ids)
    .steer({ tenant, sink, steer: how, ...identity });
  if (answer.kind === 'no_sink') throw await noSink(parts, tenant, sink);
  if (answer.kind !== 'done') throw refused(answer, tenant);
  return jsonAnswer(await standingSink(parts, tenant, sink), 200, replayedHeader(answer.replayed));
}

function refused(
  answer: Exclude<ControlResult, { kind: 'done' | 'no_sink' }>,
  tenant: string,
): PointsmanError {
  switch (answer.kind) {
    case 'ahead': {
      const latest = feedCursor({ tenant, seq: answer.latest });
      return new PointsmanError('cursor_ahead', `The feed ends at ${latest}.`, { details: { latest } });
    }
    case 'expired': {
      const [oldest, latest] = [answer.oldest, answer.latest].map((seq) => feedCursor({ tenant, seq }));
      return new PointsmanError(
        'cursor_expired',
        `What is kept begins after ${oldest}. Whoever needs more reads the pointers themselves.`,
        { details: { oldest, latest } },
      );
    }
    case 'key_reused':
      return refusal(answer, tenant);
  }
}
