import { z } from 'zod';

import { PointsmanError } from '../../../core/errors.ts';
import { type PointerId, Version } from '../../../core/identifiers.ts';
import type { MoveResult } from '../../../handlers/contract/tenant.ts';
import type { Database } from '../../postgres/database.ts';
import { findPointer, findPointerMove, listMoves } from '../../postgres/channels/pointers.ts';
import { wantsEvents } from '../requests/content-negotiation.ts';
import { callerOf } from '../access/access.ts';
import { absence, notFound, requireTenant } from '../responses/not-found.ts';
import { jsonAnswer, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { IfMatch, IfNoneMatch } from '../responses/entity-tags.ts';
import { eventStreamAnswer } from '../responses/event-stream.ts';
import { expectedGeneration } from '../requests/expected-generation.ts';
import { FreeText } from '../requests/free-text.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { empty, json, ofRelease, orEvents, replayed } from '../responses/openapi-responses.ts';
import { pageOf, PageQuery, readPage } from '../requests/pages.ts';
import { ChannelParams, IdempotencyKey } from '../requests/params.ts';
import { pointerEvents } from './pointer-events.ts';
import { pointerAnswer, waitForMove } from './pointer-wait.ts';
import { MoveView, pointerExample, pointerHeaders, PointerView } from './pointer-view.ts';
import { noChannel, refusal } from '../responses/refusal.ts';
import { waitParam } from '../requests/wait-param.ts';

const ETAG = 'The generation of the pointer, in double quotes. A hold does not change it.';

const example = `id: 17
event: pointer
data: ${JSON.stringify(pointerExample)}
`;

/** Where a pointer is. */
export const POINTER_PATH = '/v1/tenants/{tenant}/bundles/{bundle}/channels/{channel}';

export function channelEndpoints(parts: ApiDeps): Endpoint[] {
  return [findEndpoint(parts), moveEndpoint(parts), movesEndpoint(parts)];
}

function findEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: POINTER_PATH,
    operationId: 'getPointer',
    summary: 'What a channel points at',
    description:
      'The pointer. With `If-None-Match` it answers 304 while the pointer is still there, and with `wait` besides it answers as soon as the pointer moves, or 304 when the time is over. With `Accept: text/event-stream` it is a stream of `pointer` events: the pointer as it is, at once, and then whenever it was moved, held or released; of changes in quick succession only the last. Its ids are generations, and a reader whose connection was cut needs none of them: it begins with the pointer again.',
    tags: ['channels'],
    may: 'read',
    params: ChannelParams,
    query: z.strictObject({
      wait: waitParam('With `If-None-Match`: how long the answer may wait for the pointer to move on.'),
    }),
    headers: z.object({ 'if-none-match': IfNoneMatch }),
    responses: {
      200: orEvents(json(PointerView, 'The pointer.', { etag: ETAG }), example),
      304: empty('The pointer has not moved.', { etag: ETAG }),
    },
    problems: ['not_found', 'busy'],
    async handle({ params, query, headers, request, signal: gone, occupy, countUnsent }) {
      const pointer = await parts.readPointer(params);
      if (pointer === null)
        throw await absence(parts.db, params, `channel "${params.channel}" of "${params.bundle}"`);
      if (wantsEvents(request.headers)) {
        occupy(parts.waiting, 1);
        const stream = { method: request.method, signal: gone, unsent: countUnsent() };
        return eventStreamAnswer(stream, parts.draining, (signal) =>
          pointerEvents(parts.pointers.follow(params, signal)),
        );
      }
      const answer = pointerAnswer(pointer, headers['if-none-match']);
      if (answer.status !== 304 || !query.wait) return answer;
      occupy(parts.waiting, 1);
      const moved = await waitForMove(parts, params, {
        ifNoneMatch: headers['if-none-match'],
        read: pointer.generation,
        waitMs: query.wait,
        signal: gone,
      });
      return moved ?? answer;
    },
  });
}

const MoveBody = z
  .strictObject({
    version: Version.optional().meta({
      description: 'Promotes: the release to point at. It must have been published before.',
    }),
    restores: Version.optional().meta({
      description:
        'Rolls back: the generation of an earlier move of this pointer (`getRollback` names it). A hold does not stop it when that move is earlier than the one in effect, and the hold stays.',
    }),
    createChannel: z
      .boolean()
      .default(false)
      .meta({ description: 'Creates the channel where the bundle does not have it.' }),
    hold: FreeText.optional().meta({
      description: 'Holds the pointer there, for this reason, in the same step.',
    }),
  })
  .refine(({ version, restores }) => (version === undefined) !== (restores === undefined), {
    message: 'give exactly one of "version", to promote, and "restores", to roll back',
    path: ['version'],
  })
  .meta({ id: 'MoveBody', example: { version: 11, hold: 'v12 answers in the wrong language' } });

function moveEndpoint({ db, tenants }: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: POINTER_PATH,
    operationId: 'movePointer',
    summary: 'Promote or roll back',
    description:
      'Moves the pointer to a release that is compiled already: nothing is built. With `version` it promotes, and with `restores` it rolls back. The answer is the pointer. Where the tenant’s policy has gates for the channel, only an admin may point it at a release that it has never named; back to one that it has, anybody who may move it, also in a freeze. Where the policy freezes the channel without its sinks, only an admin moves it forward while one of them is down.',
    tags: ['channels'],
    may: 'steer',
    params: ChannelParams,
    headers: z.object({ 'idempotency-key': IdempotencyKey, 'if-match': IfMatch }),
    body: MoveBody,
    responses: {
      200: json(PointerView, 'The pointer, now there.', { ...replayed, ...ofRelease, etag: ETAG }),
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

/** The version to which the pointer has moved at that generation. */
async function versionAt(db: Database, id: PointerId, generation: number | null): Promise<number> {
  const move = generation === null ? null : await findPointerMove(db, id, generation);
  if (move === null) throw notFound(`"${id.channel}" has not come to generation ${generation}.`);
  return move.to.version;
}

function moveAnswer(
  answer: MoveResult,
  { tenant, bundle, channel }: { tenant: string; bundle: string; channel: string },
  version: number,
): Response {
  switch (answer.kind) {
    case 'moved':
      return jsonAnswer(answer.pointer, 200, {
        ...pointerHeaders(answer.pointer),
        ...replayedHeader(answer.replayed),
      });
    case 'unchanged':
      return jsonAnswer(answer.pointer, 200, pointerHeaders(answer.pointer));
    case 'no_release':
      throw notFound(`There is no release v${version} of "${bundle}".`);
    case 'not_promotable': {
      const why = answer.outcome === null ? 'has not ended yet' : `ended as ${answer.outcome}`;
      throw new PointsmanError(
        'not_promotable',
        `Release v${version} ${why}; only what was published can be pointed at.`,
        {
          details: { outcome: answer.outcome },
        },
      );
    }
    case 'gated':
      throw gated(answer, channel, version);
    case 'sinks_down':
      throw sinkDown(answer, channel);
    case 'no_move':
      throw notFound(`"${channel}" has not moved to v${version} at that generation.`);
    case 'no_channel':
      throw noChannel({ bundle, channel }, answer);
    default:
      throw refusal(answer, tenant);
  }
}

function sinkDown({ sinks }: Extract<MoveResult, { kind: 'sinks_down' }>, channel: string): PointsmanError {
  const down = sinks.map(({ sink, why }) => ({ sink, why }));
  const words = down.map(({ sink, why }) => `"${sink}": ${why}`).join('; ');
  const detail = `"${channel}" does not move forward without its sinks (${words}). An admin may move it all the same.`;
  return new PointsmanError('sink_down', detail, { details: { sinks: down } });
}

function gated(
  { gates, policy }: Extract<MoveResult, { kind: 'gated' }>,
  channel: string,
  version: number,
): PointsmanError {
  const detail = `"${channel}" has gates (${gates.join(', ')}) and has never named v${version}: an admin may point it there, or a publish to it, which passes them.`;
  return new PointsmanError('gated', detail, { details: { gates, policyVersion: policy } });
}

function movesEndpoint({ db }: ApiDeps): Endpoint {
  const byGeneration = { schema: Version, of: ({ generation }: { generation: number }) => generation };
  return endpoint({
    method: 'get',
    path: '/v1/tenants/{tenant}/bundles/{bundle}/channels/{channel}/moves',
    operationId: 'listMoves',
    summary: "A pointer's history",
    description:
      'The moves of the pointer, newest first. Generations rise by one, and each move begins where the one before ended.',
    tags: ['channels'],
    may: 'read',
    params: ChannelParams,
    query: PageQuery,
    responses: { 200: json(pageOf(MoveView, 'MovePage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params, query }) {
      if ((await findPointer(db, params)) === null) {
        throw await absence(db, params, `channel "${params.channel}" of "${params.bundle}"`);
      }
      const page = await readPage(query, byGeneration, ({ after = null, limit }) =>
        listMoves(db, params, { before: after, limit }),
      );
      return jsonAnswer(page, 200);
    },
  });
}
