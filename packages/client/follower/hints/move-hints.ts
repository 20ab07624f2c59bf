import type { PointerId } from '@pointsman/protocol/identifiers';
import { MoveEvent, moveEventId } from '@pointsman/protocol/moves/move-event';
import type { Pointer } from '@pointsman/protocol/moves/pointer';

/**
 * A hint that a pointer may have moved. Hints may be lost, late, repeated or wrong; the control plane's
 * pointer is authoritative.
 */
export type MoveHint =
  | { readonly kind: 'moved'; readonly event: MoveEvent }
  /** A move may have been missed. */
  | { readonly kind: 'gap' }
  /** The control plane's pointer, from a source that reads it directly. */
  | { readonly kind: 'pointer'; readonly pointer: Pointer };

/**
 * A source of hints, until the signal aborts. If it ends or throws, it is called again after a wait. A source
 * that acknowledges messages acknowledges each hint when the next hint is requested.
 */
export type MoveHints = (signal: AbortSignal) => AsyncIterable<MoveHint>;

/** The meaning of an event for a follower of this pointer. */
export type ClassifiedEvent =
  | { readonly kind: 'moved'; readonly generation: number; readonly digest: string }
  /** An event about another pointer. A shared stream contains the moves of many pointers. */
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

/** Caches parsed events, because a thousand followers of one process receive the same event object. */
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
