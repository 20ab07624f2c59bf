import { feedCursor } from '@pointsman/protocol/moves/feed-cursor';
import { moveEvent, type MoveEvent, type RecordedMove } from '@pointsman/protocol/moves/move-event';
import { streamEvents } from '@pointsman/protocol/stream-events';
import type { Database } from '../../postgres/database.ts';
import { findFeedEnd, listFeed } from '../../postgres/channels/feed.ts';
import type { Notifications } from '../../postgres/notifications.ts';
import { encodeEvent } from '../responses/event-stream.ts';
import { feedLimits, watchLimits } from '../limits.ts';
import { followed, type Followed } from '../watches/followed.ts';
import { Watches } from '../watches/watches.ts';

/** A move as an event. It is created and encoded once for all readers of the feed. */
export interface FeedEvent {
  readonly seq: number;
  readonly event: MoveEvent;
  /** The event in the text format of server-sent events. */
  readonly encoded: Uint8Array;
}

/** Follows the feeds of tenants for the long-polls and event streams of this process. */
export interface FeedWatch {
  readonly readers: number;
  /** Yields the moves after feed number `after`, in order and each exactly once. Ends when the signal aborts. Throws if a read fails. */
  follow(tenant: string, after: number, signal: AbortSignal): Followed<readonly FeedEvent[]>;
  /** Like `follow`, but yields only the encoded events. While a slow reader receives them, no other data of the moves stays in memory. */
  stream(tenant: string, after: number, signal: AbortSignal): Followed<readonly Uint8Array[]>;
}

/** The most recent moves of a tenant's feed: all moves after feed number `after`. */
interface FeedTail {
  readonly after: number;
  readonly events: readonly FeedEvent[];
}

/**
 * Watches the feeds of tenants. The newest moves of a feed are loaded once for all its readers and stay in memory. A reader that needs
 * older moves reads pages from the database until it has caught up.
 */
export function watchFeeds(db: Database, notifications: Notifications): FeedWatch {
  const tails = new Watches<string, FeedTail | null>({
    keyOf: (tenant) => tenant,
    tenantOf: (tenant) => tenant,
    load: async (tenant, feeds) => Promise.all(feeds.map(({ before }) => loadTail(db, tenant, before))),
    perLoad: 1,
    isSame: (before, now) => before === now,
    subscribe: (tenant, notify) =>
      notifications.subscribeTenant(tenant, (notice) => {
        if (notice === null || notice.kind === 'moved') notify();
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

/** @param of converts each move to the value that is yielded */
function eventsAfter<T>(
  db: Database,
  { tenant, after, of }: { tenant: string; after: number; of: (event: FeedEvent) => T },
  tails: Followed<FeedTail | null>,
): Followed<readonly T[]> {
  let seen = after;
  /** The highest feed number that is known to exist. */
  let latest = after;
  const produce = async (): Promise<readonly T[] | undefined> => {
    while (seen >= latest) {
      const next = await tails.next();
      if (next.done === true) return undefined;
      const tail = next.value;
      if (tail === null) continue;
      latest = endOf(tail);
      if (seen < tail.after || seen >= latest) continue;
      const fresh = tail.events.slice(seen - tail.after);
      seen = latest;
      return fresh.map(of);
    }
    const page = await readPage(db, { tenant, after: seen, of });
    // Moves are never removed from a feed. A page without moves therefore means that the database was replaced, and that the reader's
    // cursor is invalid.
    if (page === null) return undefined;
    seen = page.last;
    return page.events;
  };
  return followed(produce, () => tails.return());
}

/** Reads the next page of the feed from the database, for a reader that is behind. Returns null at the end of the feed. */
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
  return { seq: move.seq, event, encoded: encodeEvent({ id, event: streamEvents.moved, data: event }) };
}
