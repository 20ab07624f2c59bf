import { z } from 'zod';

import { PointsmanError } from '../../../core/errors.ts';
import { followerLimits } from '../../../core/limits/distribution-limits.ts';
import { FollowerName, type PointerId } from '../../../core/identifiers.ts';
import { quotaError } from '../../../core/quota.ts';
import { acknowledge, type FollowerRecord, listFollowers } from '../../postgres/channels/followers.ts';
import { findPointer } from '../../postgres/channels/pointers.ts';
import { absence } from '../responses/not-found.ts';
import { callerOf } from '../access/access.ts';
import { jsonAnswer } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { AcknowledgementBody, FollowerView, viewFollower } from './follower-view.ts';
import { json } from '../responses/openapi-responses.ts';
import { pageOf, PageQuery, readPage } from '../requests/pages.ts';
import { ChannelParams, FollowerParams } from '../requests/params.ts';
import { pointerHeaders, PointerView } from '../channels/pointer-view.ts';

const PATH = '/v1/tenants/{tenant}/bundles/{bundle}/channels/{channel}/followers';

export function followerEndpoints(parts: ApiDeps): Endpoint[] {
  return [acknowledgeEndpoint(parts), listEndpoint(parts)];
}

function acknowledgeEndpoint({ db, acknowledgements }: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: `${PATH}/{follower}`,
    operationId: 'acknowledge',
    summary: 'Say what a follower runs',
    description:
      'A follower’s acknowledgement, and its heartbeat: after each change, and every 30 seconds. It is held against the history of the pointer, and only what can be true is kept. The answer is the pointer that the follower should run. A name belongs to the token that uses it until it has not been heard of for a while.',
    tags: ['followers'],
    may: 'acknowledge',
    params: FollowerParams,
    body: AcknowledgementBody,
    responses: {
      200: json(PointerView, 'The pointer that it should run.', { etag: 'The generation of the pointer.' }),
    },
    problems: ['not_found', 'conflict', 'follower_taken', 'wrong_acknowledgement', 'busy', 'quota_exceeded'],
    async handle(call) {
      const { tenant, bundle, channel, follower } = call.params;
      const { id, name } = callerOf(call);
      const refusal = acknowledgements.refusal(
        { token: id, follower: `${tenant}/${bundle}/${channel}/${follower}` },
        Date.now(),
      );
      if (refusal !== null) throw new PointsmanError('busy', refusal);
      const said = { ...call.params, ...call.body, by: name, at: Date.now() };
      const answer = await acknowledge(db, said);
      switch (answer.kind) {
        case 'acknowledged':
          return jsonAnswer(answer.pointer, 200, pointerHeaders(answer.pointer));
        case 'wrong':
          throw wrong(call.body.generation, answer);
        case 'taken':
          throw new PointsmanError(
            'follower_taken',
            `"${follower}" speaks by the token "${answer.by}". Give each process a name of its own.`,
            { details: { by: answer.by } },
          );
        case 'too_many':
          throw new PointsmanError(
            'conflict',
            `A channel may have ${followerLimits.perChannel} followers, and this one has them.`,
          );
        case 'quota_exceeded':
          throw quotaError(answer);
        case 'no_pointer':
          throw await noChannel(db, call.params);
      }
    },
  });
}

function wrong(
  generation: number,
  { digest, pointer }: { digest: string | null; pointer: z.output<typeof PointerView> },
): PointsmanError {
  const detail =
    digest === null
      ? `There is no generation ${generation} yet: the pointer is at ${pointer.generation}.`
      : `Generation ${generation} is ${digest}.`;
  return new PointsmanError('wrong_acknowledgement', detail, {
    details: { pointer, ...(digest === null ? {} : { digest }) },
  });
}

function listEndpoint({ db }: ApiDeps): Endpoint {
  const place = {
    schema: z.object({ heard: z.boolean(), generation: z.number().int(), follower: FollowerName }),
    of: ({ heard, generation, follower }: FollowerRecord) => ({ heard, generation, follower }),
  };
  return endpoint({
    method: 'get',
    path: PATH,
    operationId: 'listFollowers',
    summary: 'Who runs what',
    description:
      'The followers of the pointer, stragglers first: those who are lost, then whoever is furthest behind, then the others. Who was not heard of for a day is forgotten.',
    tags: ['followers'],
    may: 'read',
    params: ChannelParams,
    query: PageQuery,
    responses: { 200: json(pageOf(FollowerView, 'FollowerPage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params, query }) {
      if ((await findPointer(db, params)) === null) throw await noChannel(db, params);
      const { items, next } = await readPage(query, place, (page) =>
        listFollowers(db, params, { ...page, at: Date.now() }),
      );
      return jsonAnswer({ items: items.map(viewFollower), next }, 200);
    },
  });
}

function noChannel(db: ApiDeps['db'], id: PointerId): Promise<PointsmanError> {
  return absence(db, id, `channel "${id.channel}" of "${id.bundle}"`);
}
