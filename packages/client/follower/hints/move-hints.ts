import type { PointerId } from '@pointsman/protocol/identifiers';
import { MoveEvent, moveEventId } from '@pointsman/protocol/moves/move-event';
import type { Pointer } from '@pointsman/protocol/moves/pointer';

/**
 * A hint that a pointer may have moved. Hints may be lost, late, repeated or wrong. Only the pointer in the
 * API is authoritative.
 */
export type MoveHint =
  | { readonly kind: 'moved'; readonly event: MoveEvent }
  /** The source may have missed a move. */
  | { readonly kind: 'gap' }
  /** The pointer itself, from a source that reads it from the API. */
  | { readonly kind: 'pointer'; readonly pointer: Pointer };

/**
 * A source of hints. It yields hints until the signal aborts. If it ends or throws earlier, it is called
 * again after a wait. A source that must acknowledge messages acknowledges each one when the next hint is
 * requested.
 */
export type MoveHints = (signal: AbortSignal) => AsyncIterable<MoveHint>;

/** The meaning of a broker's event for the follower of one pointer. */
export type ClassifiedEvent =
  | { readonly kind: 'moved'; readonly generation: number; readonly digest: string }
  /**
   * The event is for another pointer. That is normal, because a shared stream contains the moves of many
   * pointers.
   */
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'garbage'; readonly reason: string };

export function classifyEvent(event: unknown, pointer: PointerId): ClassifiedEvent {
  const read = readEvent(event);
  if ('kind' in read) return read;
  const { data } = read;
  const isOurs =
    data.tenant === pointer.tenant && data.bundle === pointer.bundle && data.channel === pointer.channel;
  if (!isOurs) return { kind: 'elsewhere' };
  return { kind: 'moved', generation: data.generation, digest: data.to.digest };
}

type Readable = MoveEvent | Extract<ClassifiedEvent, { kind: 'garbage' }>;

/**
 * A cache of parsed events. If a process has a thousand followers, all of them receive the same event object,
 * and it is parsed only once.
 */
const known = new WeakMap<object, Readable>();

function readEvent(event: unknown): Readable {
  if (typeof event !== 'object' || event === null) return INVALID_EVENT;
  const read = known.get(event) ?? parseEvent(event);
  known.set(event, read);
  return read;
}

function parseEvent(event: object): Readable {
  const parsed = MoveEvent.safeParse(event);
  if (!parsed.success) return INVALID_EVENT;
  const { id, data } = parsed.data;
  if (id === moveEventId(data)) return parsed.data;
  return { kind: 'garbage', reason: `its id ${JSON.stringify(id.slice(0, 300))} does not match its move` };
}

const INVALID_EVENT = { kind: 'garbage', reason: 'it is not a move event' } as const;
