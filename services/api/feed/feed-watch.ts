import { feedCursor } from '../../../core/moves/feed-cursor.ts';
import { moveEvent, type MoveEvent, type RecordedMove } from '../../../core/moves/move-event.ts';
import type { Database } from '../../postgres/database.ts';
import { findFeedEnd, listFeed } from '../../postgres/channels/feed.ts';
import type { Notifications } from '../../postgres/notifications.ts';
import { encodeEvent } from '../responses/event-stream.ts';
import { feedLimits, watchLimits } from '../limits.ts';
import { Watches } from '../watches/watches.ts';

/** A move as it is told, made once for all who read it. */
export interface FeedEvent {
  readonly seq: number;
  readonly event: MoveEvent;
  /** For a stream. */
  readonly encoded: Uint8Array;
}

/** The readers of the feeds that wait in this process. */
export interface FeedWatch {
  readonly readers: number;
  /**
   * The moves after that number, in their order and each once, as they come. Ends when the signal aborts. Throws what reading throws.
   */
  follow(tenant: string, after: number, signal: AbortSignal): AsyncIterableIterator<readonly FeedEvent[]>;
  /** The same for a stream. Nothing else than these buffers is in memory while a reader takes them. */
  stream(tenant: string, after: number, signal: AbortSignal): AsyncIterator<readonly Uint8Array[]>;
}

/** The last moves of one feed: all that come after `after`. */
interface FeedTail {
  readonly after: number;
  readonly events: readonly FeedEvent[];
}

/**
 * All readers of a tenant share one look at the end of its feed, and what it finds stays in memory for those who are nearly there; who is
 * further behind reads pages of the record, until it is, too.
 */
export function watchFeeds(db: Database, notifications: Notifications): FeedWatch {
  const tails = new Watches<string, FeedTail | null>({
    keyOf: (tenant) => tenant,
    tenantOf: (tenant) => tenant,
    load: async (tenant, feeds) => Promise.all(feeds.map(({ before }) => loadTail(db, tenant, before))),
    perLoad: 1,
    isSame: (before, now) => before === now,
    subscribe: (tenant, wake) =>
      notifications.subscribeTenant(tenant, (notice) => {
        if (notice === null || notice.kind === 'moved') wake();
      }),
    recheckMs: watchLimits.recheckMs,
  });
  return {
    get readers() {
      return tails.followers;
    },
    follow: (tenant, after, signal) =>
      eventsAfter(db, { tenant, after, of: (event) => event }, tails.follow(tenant, signal)),
    stream: (tenant, after, signal) =>
      eventsAfter(db, { tenant, after, of: ({ encoded }) => encoded }, tails.follow(tenant, signal)),
  };
}

async function loadTail(db: Database, tenant: string, before: FeedTail | null): Promise<FeedTail | null> {
  const seen = before === null ? null : endOf(before);
  const end = await findFeedEnd(db, tenant, { after: seen, most: feedLimits.tailMoves });
  if (end === null || end.latest === seen) return before;
  const fresh = end.moves.map(feedEvent);
  const after = end.latest - fresh.length;
  const kept = before !== null && after === seen ? before.events : [];
  const events = [...kept, ...fresh].slice(-feedLimits.tailMoves);
  return { after: end.latest - events.length, events };
}

/** `of` makes of each move what is wanted. Not a generator: one that waits keeps in its variables what it gave last. */
function eventsAfter<T>(
  db: Database,
  { tenant, after, of }: { tenant: string; after: number; of: (event: FeedEvent) => T },
  tails: AsyncGenerator<FeedTail | null>,
): AsyncIterableIterator<readonly T[]> {
  let seen = after;
  let tail: FeedTail | null = null;
  const end = async (): Promise<IteratorReturnResult<undefined>> => {
    await tails.return(null);
    return { done: true, value: undefined };
  };
  return {
    async next() {
      while (tail === null || seen >= endOf(tail)) {
        const next = await tails.next();
        if (next.done === true) return next;
        tail = next.value;
      }
      if (seen >= tail.after) {
        const value = tail.events.slice(seen - tail.after).map(of);
        seen = endOf(tail);
        return { done: false, value };
      }
      const page = await readPage(db, { tenant, after: seen, of });
      // Nothing is ever taken out of a feed: then it is another record than before, and no place to go on from.
      if (page === null) return end();
      seen = page.last;
      return { done: false, value: page.events };
    },
    return: end,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** What comes next in the record for a reader that is behind; null at the end. */
async function readPage<T>(
  db: Database,
  { tenant, after, of }: { tenant: string; after: number; of: (event: FeedEvent) => T },
): Promise<{ events: readonly T[]; last: number } | null> {
  const moves = await listFeed(db, tenant, { after, limit: feedLimits.lagMoves });
  const last = moves.at(-1)?.seq;
  return last === undefined ? null : { events: moves.map((move) => of(feedEvent(move))), last };
}

function endOf({ after, events }: FeedTail): number {
  return after + events.length;
}

function feedEvent(move: RecordedMove): FeedEvent {
  const event = moveEvent(move);
  const id = feedCursor(move);
  return { seq: move.seq, event, encoded: encodeEvent({ id, event: 'moved', data: event }) };
}
