import { z } from 'zod';

import { requestLimits, feedLimits } from '@pointsman/protocol/limits';
import { PointsmanError } from '@pointsman/protocol/errors';
import { type FeedCursor, feedCursor, FeedCursorText } from '@pointsman/protocol/moves/feed-cursor';
import { feedMoveExample, FeedView } from '@pointsman/protocol/moves/feed-view';
import { type MoveEvent, moveEvent } from '@pointsman/protocol/moves/move-event';
import { paths } from '@pointsman/protocol/paths';
import { findFeedPage, type FeedPage } from '../../postgres/channels/feed.ts';
import { notFound } from '../responses/not-found.ts';
import { wantsEvents } from '../requests/content-negotiation.ts';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { followed, type Followed } from '../watches/followed.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { deadlineOf } from '../responses/deadline.ts';
import { encodeEvent, eventStreamAnswer } from '../responses/event-stream.ts';
import { json, orEvents } from '../responses/openapi-responses.ts';
import { limitParam } from '../requests/pages.ts';
import { TenantParams } from '../requests/params.ts';
import { waitParam } from '../requests/wait-param.ts';

const streamExample = `id: acme:39

id: acme:40
event: moved
data: ${JSON.stringify(feedMoveExample)}
`;

const FeedQuery = z.strictObject({
  after: z
    .union([z.literal('latest'), FeedCursorText], {
      error: 'must be a cursor of this feed, such as "acme:17", or "latest"',
    })
    .optional()
    .meta({
      description:
        'A cursor: the response contains the moves after it. `latest` starts with the next move. If omitted, the feed starts with the oldest move that is kept.',
      example: 'acme:39',
    }),
  limit: limitParam('The maximum number of moves in the response'),
  wait: waitParam('If there are no moves yet: how long the response may wait for one.'),
});

const LastEventId = FeedCursorText.optional().meta({
  description: 'The cursor of the last event that the reader received. It takes precedence over `after`.',
  example: 'acme:39',
});

export function feedEndpoints(parts: ApiDeps): Endpoint[] {
  return [feedEndpoint(parts)];
}

function feedEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.feed,
    operationId: 'readFeed',
    summary: 'Read the moves of a tenant',
    description: `The moves of all the tenant's pointers as CloudEvents, in the order in which they were made, numbered without gaps. The generations of one pointer increase by one. A move is always the same event, byte for byte, here and in every sink. Moves are kept for readers for ${feedLimits.retentionMs / 86_400_000} days. With \`wait\`, a response without moves is delayed until there is one. With \`Accept: text/event-stream\` the response is a stream of \`moved\` events, whose ids are cursors. The stream begins with an event that contains only an id. A reader that reconnects with \`Last-Event-ID\` misses nothing.`,
    tags: ['channels'],
    may: 'read',
    params: TenantParams,
    query: FeedQuery,
    headers: z.object({ 'last-event-id': LastEventId }),
    responses: { 200: orEvents(json(FeedView, 'The moves after the cursor.'), streamExample) },
    problems: ['not_found', 'foreign_cursor', 'cursor_ahead', 'cursor_expired', 'busy'],
    async handle({ params: { tenant }, query, headers, request, signal: gone, occupy, countUnsent }) {
      const isStream = wantsEvents(request.headers);
      const limit = isStream ? 0 : (query.limit ?? requestLimits.defaultPageSize);
      const asked = headers['last-event-id'] ?? query.after ?? null;
      const { from, page } = await openFeed(parts, tenant, { asked, limit });
      if (isStream) {
        occupy(parts.waiting, 1);
        const stream = { method: request.method, signal: gone, unsent: countUnsent() };
        return eventStreamAnswer(stream, parts.draining, (signal) =>
          movedEvents({ tenant, seq: from }, parts.feeds.stream(tenant, from, signal)),
        );
      }
      const events = page.moves.map(moveEvent);
      if (events.length > 0 || !query.wait) return feedAnswer(tenant, { from, events, latest: page.latest });
      occupy(parts.waiting, 1);
      const end = deadlineOf([gone, parts.draining], query.wait);
      try {
        for await (const fresh of parts.feeds.follow(tenant, from, end.signal)) {
          const delivered = fresh.slice(0, limit).map(({ event }) => event);
          return feedAnswer(tenant, { from, events: delivered, latest: fresh.at(-1)?.seq ?? from });
        }
        return feedAnswer(tenant, { from, events, latest: page.latest });
      } finally {
        end.clear();
      }
    },
  });
}

/** Reads the first page of the feed from the requested position. Throws if the feed cannot resume there. */
async function openFeed(
  { db }: ApiDeps,
  tenant: string,
  { asked, limit }: { asked: FeedCursor | 'latest' | null; limit: number },
): Promise<{ from: number; page: FeedPage }> {
  if (asked !== null && asked !== 'latest' && asked.tenant !== tenant) {
    throw new PointsmanError('foreign_cursor', `The cursor does not belong to the feed of "${tenant}".`);
  }
  const after = asked === null || asked === 'latest' ? asked : asked.seq;
  const sinceMs = Date.now() - feedLimits.retentionMs;
  const page = await findFeedPage(db, tenant, { after, sinceMs, limit });
  if (page === null) throw notFound(`The tenant "${tenant}" does not exist.`);
  const { oldest, latest } = page;
  const from = after === 'latest' ? latest : (after ?? oldest);
  if (from > latest) throw ahead(tenant, latest);
  if (from < oldest) throw expired(tenant, page);
  return { from, page };
}

function ahead(tenant: string, seq: number): PointsmanError {
  const latest = feedCursor({ tenant, seq });
  return new PointsmanError('cursor_ahead', `The feed ends at "${latest}". Use a cursor at or before it.`, {
    details: { latest },
  });
}

function expired(tenant: string, page: FeedPage): PointsmanError {
  const oldest = feedCursor({ tenant, seq: page.oldest });
  const latest = feedCursor({ tenant, seq: page.latest });
  const detail = `Moves after this cursor are no longer available. Read the current pointers, then continue from "${latest}", the end of the feed before you read them.`;
  return new PointsmanError('cursor_expired', detail, { details: { oldest, latest } });
}

function feedAnswer(
  tenant: string,
  { from, events, latest }: { from: number; events: readonly MoveEvent[]; latest: number },
): Response {
  const next = events.at(-1)?.data.seq ?? from;
  const cursors = { next: feedCursor({ tenant, seq: next }), latest: feedCursor({ tenant, seq: latest }) };
  return jsonResponse({ items: events, ...cursors }, 200, { vary: 'accept' });
}

/**
 * Yields the reader's cursor as the first event, before any move. If the reader is disconnected before the first move, it can resume at
 * that cursor.
 */
function movedEvents(
  from: FeedCursor,
  news: Followed<readonly Uint8Array[]>,
): Followed<readonly Uint8Array[]> {
  let hasBegun = false;
  const produce = async (): Promise<readonly Uint8Array[] | undefined> => {
    if (hasBegun) return (await news.next()).value;
    hasBegun = true;
    return [encodeEvent({ id: feedCursor(from) })];
  };
  return followed(produce, () => news.return());
}
