import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { type PointerId, Version } from '@pointsman/protocol/identifiers';
import { paths } from '@pointsman/protocol/paths';
import { MoveBody } from '@pointsman/protocol/moves/pointer-bodies';
import { MoveView, pointerExample, PointerView } from '@pointsman/protocol/moves/pointer-view';
import type { MoveResult } from '../../../handlers/contract/tenant.ts';
import type { Database } from '../../postgres/database.ts';
import { findPointer, findPointerMove, listMoves } from '../../postgres/channels/pointers.ts';
import { wantsEvents } from '../requests/content-negotiation.ts';
import { callerOf } from '../access/access.ts';
import { missingError, notFound, requireTenant } from '../responses/not-found.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { IfMatch, IfNoneMatch } from '../responses/entity-tags.ts';
import { eventStreamAnswer } from '../responses/event-stream.ts';
import { expectedGeneration } from '../requests/expected-generation.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { empty, json, ofRelease, orEvents, replayed } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { ChannelParams, IdempotencyKey } from '../requests/params.ts';
import { pointerEvents } from './pointer-events.ts';
import { pointerAnswer, waitForMove } from './pointer-wait.ts';
import { pointerHeaders } from './pointer-view.ts';
import { noChannel, refusal } from '../responses/refusal.ts';
import { waitParam } from '../requests/wait-param.ts';

const ETAG = 'The generation of the pointer, in double quotes. A hold does not change it.';

const example = `id: 17
event: pointer
data: ${JSON.stringify(pointerExample)}
`;

export function channelEndpoints(parts: ApiDeps): Endpoint[] {
  return [findEndpoint(parts), moveEndpoint(parts), movesEndpoint(parts)];
}

function findEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.channel,
    operationId: 'getPointer',
    summary: 'Get the pointer of a channel',
    description:
      'With `If-None-Match`, returns 304 while the pointer is unchanged. With `wait` in addition, the response comes when the pointer moves, or is 304 after that time. With `Accept: text/event-stream`, returns a stream of `pointer` events: the current pointer immediately, then one event after each move, hold and lifted hold. Changes in quick succession are combined into the last one. Event ids are generations. A reconnecting reader needs no id: the stream starts with the current pointer.',
    tags: ['channels'],
    may: 'read',
    params: ChannelParams,
    query: z.strictObject({
      wait: waitParam('With `If-None-Match`: how long the response may wait for the pointer to move.'),
    }),
    headers: z.object({ 'if-none-match': IfNoneMatch }),
    responses: {
      200: orEvents(json(PointerView, 'The pointer.', { etag: ETAG }), example),
      304: empty('The pointer has not moved.', { etag: ETAG }),
    },
    problems: ['not_found', 'busy'],
    async handle({ params, query, headers, request, signal: gone, occupy, countUnsent }) {
      const isStream = wantsEvents(request.headers);
      const ifNoneMatch = headers['if-none-match'];
      let noRoom: PointsmanError | null = null;
      if (query.wait && ifNoneMatch !== undefined && !isStream) {
        noRoom = refusalOf(() => occupy(parts.waiting, 1));
        const wait = { ifNoneMatch, waitMs: query.wait, signal: gone };
        const answer = noRoom === null ? await waitForMove(parts, params, wait) : null;
        if (answer !== null) return answer;
      }
      const pointer = await parts.readPointer(params);
      if (pointer === null)
        throw await missingError(parts.db, params, `channel "${params.channel}" of "${params.bundle}"`);
      if (!isStream) {
        const answer = pointerAnswer(pointer, ifNoneMatch);
        // A caller for whom there is no room to wait still gets a pointer that has already moved.
        if (answer.status === 304 && noRoom !== null) throw noRoom;
        return answer;
      }
      occupy(parts.waiting, 1);
      const stream = { method: request.method, signal: gone, unsent: countUnsent() };
      return eventStreamAnswer(stream, parts.draining, (signal) =>
        pointerEvents(parts.pointers.follow(params, signal)),
      );
    },
  });
}

/** Returns the error with which the function refuses, or null. */
function refusalOf(take: () => void): PointsmanError | null {
  try {
    take();
    return null;
  } catch (error) {
    if (error instanceof PointsmanError) return error;
    throw error;
  }
}

function moveEndpoint({ db, tenants }: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: paths.channel,
    operationId: 'movePointer',
    summary: 'Promote or roll back',
    description:
      'Moves the pointer to a release that is already compiled. `version` promotes, `restores` rolls back. If the tenant’s policy has gates for the channel, only an admin can promote a release that the pointer has never had. Going back to an earlier release needs no admin, even during a freeze. If the policy freezes the channel without its sinks, only an admin can promote while one of its sinks is down.',
    tags: ['channels'],
    may: 'control',
    params: ChannelParams,
    headers: z.object({ 'idempotency-key': IdempotencyKey, 'if-match': IfMatch }),
    body: MoveBody,
    responses: {
      200: json(PointerView, 'The pointer after the move.', { ...replayed, ...ofRelease, etag: ETAG }),
    },
    problems: [
      'gated',
      'sink_down',
      'not_found',
      'unknown_channel',
      'pointer_moved',
      'not_promotable',
      'idempotency_key_reused',
      'held',
    ],
    async handle(call) {
      const { tenant, bundle, channel } = call.params;
      await requireTenant(db, tenant);
      const { hold = null, restores = null, createChannel } = call.body;
      const version = call.body.version ?? (await versionAt(db, call.params, restores));
      call.about({ tenant, bundle, version });
      const ifMatch = call.headers['if-match'];
      const identity = requestIdentity(call, call.headers['idempotency-key'], {
        call: 'move',
        bundle,
        channel,
        version,
        restores,
        createChannel,
        hold,
        ifMatch: ifMatch ?? null,
      });
      const ifGeneration = await expectedGeneration(db, call.params, ifMatch);
      const why = hold ?? (restores === null ? 'moved by hand' : 'rolled back');
      const answer = await tenants(tenant, call.ids).move({
        bundle,
        channel,
        version,
        restores,
        createChannel,
        hold,
        why,
        ifGeneration,
        roles: [...callerOf(call).roles],
        ...identity,
      });
      return moveAnswer(answer, call.params, version);
    },
  });
}

/** Returns the version to which the pointer referred at the given generation. */
async function versionAt(db: Database, id: PointerId, generation: number | null): Promise<number> {
  const move = generation === null ? null : await findPointerMove(db, id, generation);
  if (move === null)
    throw notFound(`The pointer "${id.channel}" has not reached generation ${generation} yet.`);
  return move.to.version;
}

function notPromotable(
  { outcome, sameAs }: Extract<MoveResult, { kind: 'not_promotable' }>,
  channel: string,
  version: number,
): PointsmanError {
  const why = outcome === null ? 'has not settled yet' : `settled as ${outcome}`;
  let advice = 'Only a published release can be promoted.';
  if (sameAs !== undefined) advice = `Promote v${sameAs}, which has the same artifact.`;
  else if (outcome === 'unchanged')
    advice = `No published release has its artifact for "${channel}": publish its source to "${channel}".`;
  return new PointsmanError('not_promotable', `Release v${version} ${why}. ${advice}`, {
    details: { outcome, ...(sameAs === undefined ? {} : { version: sameAs }) },
  });
}

function moveAnswer(
  answer: MoveResult,
  { tenant, bundle, channel }: { tenant: string; bundle: string; channel: string },
  version: number,
): Response {
  switch (answer.kind) {
    case 'moved':
      return jsonResponse(answer.pointer, 200, {
        ...pointerHeaders(answer.pointer),
        ...replayedHeader(answer.replayed),
      });
    case 'unchanged':
      return jsonResponse(answer.pointer, 200, pointerHeaders(answer.pointer));
    case 'no_release':
      throw notFound(`Release v${version} of "${bundle}" does not exist.`);
    case 'not_promotable':
      throw notPromotable(answer, channel, version);
    case 'gated':
      throw gated(answer, channel, version);
    case 'sinks_down':
      throw sinkDown(answer, channel);
    case 'no_move':
      throw notFound(
        `The pointer "${channel}" did not move to v${version} at that generation. Use "getRollback" to find the move to restore.`,
      );
    case 'no_channel':
      throw noChannel({ bundle, channel }, answer);
    default:
      throw refusal(answer, tenant);
  }
}

function sinkDown({ sinks }: Extract<MoveResult, { kind: 'sinks_down' }>, channel: string): PointsmanError {
  const down = sinks.map(({ sink, why }) => ({ sink, why }));
  const reasons = down.map(({ sink, why }) => `"${sink}": ${why}`).join('; ');
  const detail = `The policy freezes "${channel}" while a required sink is down (${reasons}). Wait for the sink, or ask an admin to move the pointer.`;
  return new PointsmanError('sink_down', detail, { details: { sinks: down } });
}

function gated(
  { gates, policy }: Extract<MoveResult, { kind: 'gated' }>,
  channel: string,
  version: number,
): PointsmanError {
  const detail = `The channel "${channel}" has gates (${gates.join(', ')}) and v${version} has never been live there. Publish to the channel to pass the gates, or ask an admin to promote it.`;
  return new PointsmanError('gated', detail, { details: { gates, policyVersion: policy } });
}

function movesEndpoint({ db }: ApiDeps): Endpoint {
  const byGeneration = { schema: Version, of: ({ generation }: { generation: number }) => generation };
  return endpoint({
    method: 'get',
    path: paths.channelMoves,
    operationId: 'listMoves',
    summary: 'List the moves of a pointer',
    description:
      'The moves of the pointer, newest first. Generations increase by one, and each move starts from the state of the previous one.',
    tags: ['channels'],
    may: 'read',
    params: ChannelParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(MoveView, 'MovePage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params, query }) {
      if ((await findPointer(db, params)) === null) {
        throw await missingError(db, params, `channel "${params.channel}" of "${params.bundle}"`);
      }
      const page = await readPage(query, byGeneration, ({ after = null, limit }) =>
        listMoves(db, params, { before: after, limit }),
      );
      return jsonResponse(page, 200);
    },
  });
}
