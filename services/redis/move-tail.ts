import type { Logger } from 'pino';

import type { PointerId } from '../../core/identifiers.ts';
import type { MoveData, MoveEvent } from '../../core/moves/move-event.ts';
import { moveStream, type StreamLayout } from '../../core/sink.ts';
import { BEFORE_ALL, type EntryId, entryId, isAfter, parseEntryId } from './entry-id.ts';
import { readerLimits } from './limits.ts';
import { isRedisFailure, type ReaderSession, readerSessions } from './reader-sessions.ts';
import { readEntry } from './stream-entry.ts';
import { missedSince, streamEnds } from './stream-ends.ts';
import { type TailOrder, tailOrder } from './tail-order.ts';

export type Tailed =
  /** `id` is where a later tail may go on from. */
  | { readonly kind: 'moved'; readonly event: MoveEvent; readonly id: string }
  /** Something may have been missed: what the pointers are now has to be fetched. */
  | { readonly kind: 'gap' };

export type TailOptions = {
  readonly url: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** As the worker's POINTSMAN_REDIS_STREAMS; `shared` by default. */
  readonly layout?: StreamLayout;
  /** The id of the entry to go on from; without one, from now on. */
  readonly after?: string;
} & ({ readonly tenant: string } | { readonly pointers: readonly PointerId[] });

/**
 * Every move of a tenant, or of some pointers, to everybody who reads: no group, nothing to acknowledge. Begins with a `gap` after each connecting, since
 * who fetches the pointer then has all that came before. Each pointer only goes forward. Ends with the signal; until then it connects again, for ever.
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
      if (!signal.aborted) log.warn({ err: error }, 'a tail of moves has lost Redis');
    }
  }
}

interface Tail {
  /** Null before it is known where a stream ends. */
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
    // A position past the end is that of entries which the server has lost: new ones may come before it.
    tail.positions.set(stream, position === null || isAfter(position, last) ? last : position);
  }
  // Only now: what moves while the pointer is fetched is behind these positions, and will be read.
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
  // Those without an entry as well: all that was there may have been trimmed.
  return [...positions.keys()].map((stream) => [stream, entries.get(stream) ?? []]);
}

/** At most one gap: who fetches a pointer after the first one of a read has everything that the read came with. */
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

/** `tenant` for what only counts: the moves of other pointers, whose numbers are between. */
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
