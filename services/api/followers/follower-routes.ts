import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { followerLimits } from '@pointsman/protocol/limits';
import { FollowerName, type PointerId } from '@pointsman/protocol/identifiers';
import { quotaError } from '@pointsman/protocol/quota';
import { paths } from '@pointsman/protocol/paths';
import { PointerView } from '@pointsman/protocol/moves/pointer-view';
import { AcknowledgementBody } from '@pointsman/protocol/moves/acknowledgement';
import { FollowerView } from '@pointsman/protocol/moves/follower-view';
import { acknowledge, type FollowerRecord, listFollowers } from '../../postgres/channels/followers.ts';
import { findPointer } from '../../postgres/channels/pointers.ts';
import { missingError } from '../responses/not-found.ts';
import { callerOf } from '../access/access.ts';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { viewFollower } from './follower-view.ts';
import { json } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { ChannelParams, FollowerParams } from '../requests/params.ts';
import { pointerHeaders } from '../channels/pointer-view.ts';

export function followerEndpoints(parts: ApiDeps): Endpoint[] {
  return [acknowledgeEndpoint(parts), listEndpoint(parts)];
}

function acknowledgeEndpoint({ db, acknowledgements }: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: paths.follower,
    operationId: 'acknowledge',
    summary: 'Acknowledge what a follower runs',
    description:
      'A follower’s acknowledgement and heartbeat: send it after each change, and every 30 seconds. It is checked against the history of the pointer and refused if it cannot be true. The response is the pointer that the follower should run. A name belongs to the token that uses it, until the follower has been silent for a while.',
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
      const acknowledgement = { ...call.params, ...call.body, by: name, at: Date.now() };
      const answer = await acknowledge(db, acknowledgement);
      switch (answer.kind) {
        case 'acknowledged':
          return jsonResponse(answer.pointer, 200, pointerHeaders(answer.pointer));
        case 'wrong':
          throw wrong(call.body.generation, answer);
        case 'taken':
          throw new PointsmanError(
            'follower_taken',
            `The follower name "${follower}" is in use by the token "${answer.by}". Give each process its own name.`,
            { details: { by: answer.by } },
          );
        case 'too_many':
          throw new PointsmanError(
            'conflict',
            `The channel has ${followerLimits.perChannel} followers, which is the maximum. Followers are removed after a day without an acknowledgement.`,
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
      ? `Generation ${generation} does not exist yet: the pointer is at generation ${pointer.generation}.`
      : `Generation ${generation} has the digest ${digest}. Acknowledge that digest.`;
  return new PointsmanError('wrong_acknowledgement', detail, {
    details: { pointer, ...(digest === null ? {} : { digest }) },
  });
}

function listEndpoint({ db }: ApiDeps): Endpoint {
  const place = {
    schema: z.object({ recent: z.boolean(), generation: z.number().int(), follower: FollowerName }),
    of: ({ recent, generation, follower }: FollowerRecord) => ({ recent, generation, follower }),
  };
  return endpoint({
    method: 'get',
    path: paths.followers,
    operationId: 'listFollowers',
    summary: 'List followers',
    description:
      'The followers of the pointer: lost ones first, then lagging ones (furthest behind first), then current ones. A follower that has been silent for a day is removed.',
    tags: ['followers'],
    may: 'read',
    params: ChannelParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(FollowerView, 'FollowerPage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params, query }) {
      if ((await findPointer(db, params)) === null) throw await noChannel(db, params);
      const { items, next } = await readPage(query, place, (page) =>
        listFollowers(db, params, { ...page, at: Date.now() }),
      );
      return jsonResponse({ items: items.map(viewFollower), next }, 200);
    },
  });
}

function noChannel(db: ApiDeps['db'], id: PointerId): Promise<PointsmanError> {
  return missingError(db, id, `channel "${id.channel}" of "${id.bundle}"`);
}
