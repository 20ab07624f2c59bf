import type { Log } from '../log.ts';

import type { PointerId } from '@pointsman/protocol/identifiers';
import type { MoveData, MoveEvent } from '@pointsman/protocol/moves/move-event';
import { moveStream, type StreamLayout } from '@pointsman/protocol/sinks/sink';
import { BEFORE_ALL, type EntryId, entryId, isAfter, parseEntryId } from '@pointsman/protocol/redis/entry-id';
import { readerLimits } from './limits.ts';
import { isRedisFailure, type ReaderSession, readerSessions } from './reader-sessions.ts';
import { readEntry } from '@pointsman/protocol/redis/stream-entry';
import { missedSince, streamEnds } from './stream-ends.ts';
import { type TailOrder, tailOrder } from './tail-order.ts';

export type Tailed =
  /** A move. `id` is the ID of its entry, with which a later tail can continue after this move. */
  | { readonly kind: 'moved'; readonly event: MoveEvent; readonly id: string }
  /** A move may have been missed, so the caller must read the current pointers again. */
  | { readonly kind: 'gap' };

export type TailOptions = {
  readonly url: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** The value of the worker's setting POINTSMAN_REDIS_STREAMS. Default: `shared`. */
  readonly layout?: StreamLayout;
  /** The ID of the entry after which to continue. Default: the end of the stream. */
  readonly after?: string;
} & ({ readonly tenant: string } | { readonly pointers: readonly PointerId[] });

/**
 * Yields the moves of one tenant, or of some pointers. It uses no consumer group and no acknowledgements, so
 * every reader gets all moves.
 *
 * Yields a `gap` after each new connection. If the caller then reads the pointers, it has all earlier moves.
 * The generation of each pointer only increases. Reconnects until the signal aborts.
 */
export async function* tailMoves(options: TailOptions): AsyncGenerator<Tailed, void, undefined> {
  const { signal, log } = options;
  const tail: Tail = {
    positions: new Map(streamsOf(options).map((stream) => [stream, startOf(options.after)])),
    wants: wanted(options),
    order: tailOrder(),
  };
  for await (const session of readerSessions(options)) {
    try {
      yield* tailSession(session, tail, signal);
    } catch (error) {
      if (!isRedisFailure(error)) throw error;
      if (!signal.aborted) log.warn({ err: error }, 'a tail of moves has lost its connection to Redis');
    }
  }
}

interface Tail {
  /** The position in each stream. Null until the end of the stream has been read from the server. */
  readonly positions: Map<string, EntryId | null>;
  readonly wants: (move: MoveData) => 'yes' | 'tenant' | 'no';
  readonly order: TailOrder;
}

async function* tailSession(
  session: ReaderSession,
  tail: Tail,
  signal: AbortSignal,
): AsyncGenerator<Tailed, void, undefined> {
  for (const [stream, position] of tail.positions) {
    const { last } = await session.ask((client) => streamEnds(client, stream));
    // A position after the end of the stream means that the server has lost entries. New entries may get
    // lower IDs, so the position is set back to the end.
    tail.positions.set(stream, position === null || isAfter(position, last) ? last : position);
  }
  // The gap is yielded after the positions are set. Moves that happen while the caller reads the pointers
  // therefore come after these positions.
  yield { kind: 'gap' };
  while (!signal.aborted) {
    for (const [stream, entries] of await readEntries(session, tail.positions)) {
      yield* tailEntries(session, tail, stream, entries);
    }
  }
}

interface Entry {
  readonly id: string;
  readonly message: Readonly<Record<string, string>>;
}

async function readEntries(
  session: ReaderSession,
  positions: ReadonlyMap<string, EntryId | null>,
): Promise<[string, Entry[]][]> {
  const from = [...positions].map(([key, position]) => ({ key, id: entryId(position ?? BEFORE_ALL) }));
  const read = await session.wait((client) =>
    client.xRead(from, { COUNT: readerLimits.entries, BLOCK: readerLimits.blockMs }),
  );
  const entries = new Map((read ?? []).map(({ name, messages }) => [name, messages]));
  // The result contains all streams, even those without new entries, because all entries of a stream may have
  // been trimmed.
  return [...positions.keys()].map((stream) => [stream, entries.get(stream) ?? []]);
}

/**
 * Yields the moves of one read. Yields at most one gap: a caller that reads the pointers after it has all
 * moves of this read.
 */
async function* tailEntries(
  session: ReaderSession,
  tail: Tail,
  stream: string,
  entries: readonly Entry[],
): AsyncGenerator<Tailed, void, undefined> {
  const before = tail.positions.get(stream) ?? BEFORE_ALL;
  const ends = await session.ask((client) => streamEnds(client, stream));
  let gap = missedSince(before, ends) !== null;
  if (gap) yield { kind: 'gap' };
  if (gap && entries.length === 0) tail.positions.set(stream, ends.last);
  for (const { id, message } of entries) {
    tail.positions.set(stream, parseEntryId(id) ?? before);
    const entry = readEntry(stream, message);
    if (entry.kind !== 'moved') continue;
    const { event } = entry;
    const wants = tail.wants(event.data);
    if (wants === 'no') continue;
    const next = tail.order.isNext(event.data);
    if (next && wants === 'yes') yield { kind: 'moved', event, id };
    else if (!next && !gap) {
      gap = true;
      yield { kind: 'gap' };
    }
  }
}

function startOf(after: string | undefined): EntryId | null {
  return after === undefined ? null : parseEntryId(after);
}

function streamsOf(options: TailOptions): string[] {
  const tenants = 'tenant' in options ? [options.tenant] : options.pointers.map(({ tenant }) => tenant);
  return [...new Set(tenants.map((tenant) => moveStream(tenant, options.layout)))];
}

/**
 * Returns a function that classifies a move. `yes`: it is yielded. `tenant`: it belongs to another pointer of
 * the same tenant, so it only counts for the sequence of numbers. `no`: it is ignored.
 */
function wanted(options: TailOptions): Tail['wants'] {
  if ('tenant' in options) return (move) => (move.tenant === options.tenant ? 'yes' : 'no');
  const names = new Set(options.pointers.map(pointerName));
  const tenants = new Set(options.pointers.map(({ tenant }) => tenant));
  return (move) => {
    if (names.has(pointerName(move))) return 'yes';
    return tenants.has(move.tenant) ? 'tenant' : 'no';
  };
}

function pointerName({ tenant, bundle, channel }: PointerId): string {
  return `${tenant}/${bundle}/${channel}`;
}
