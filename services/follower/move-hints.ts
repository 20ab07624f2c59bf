import type { PointerId } from '../../core/identifiers.ts';
import { MoveEvent, moveEventId } from '../../core/moves/move-event.ts';
import type { Pointer } from '../../core/moves/pointer.ts';

/** That something may have moved. Hints may be lost, late, repeated and wrong: the control plane has the last word. */
export type MoveHint =
  | { readonly kind: 'moved'; readonly event: MoveEvent }
  /** Something may have been missed. */
  | { readonly kind: 'gap' }
  /** The control plane's own word, from a source that asks it. */
  | { readonly kind: 'pointer'; readonly pointer: Pointer };

/**
 * A source of hints, until the signal aborts. One that ends or throws is asked for another connection after a while. It acknowledges what
 * it yields, where there is something to acknowledge, when it is asked for the next.
 */
export type MoveHints = (signal: AbortSignal) => AsyncIterable<MoveHint>;

/** What an event is to somebody who follows that pointer. */
export type JudgedEvent =
  | { readonly kind: 'moved'; readonly generation: number; readonly digest: string }
  /** Of another pointer, as a shared stream has many. */
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'garbage'; readonly reason: string };

export function judgeEvent(event: unknown, pointer: PointerId): JudgedEvent {
  const read = readEvent(event);
  if ('kind' in read) return read;
  const { data } = read;
  const isOurs =
    data.tenant === pointer.tenant && data.bundle === pointer.bundle && data.channel === pointer.channel;
  if (!isOurs) return { kind: 'elsewhere' };
  return { kind: 'moved', generation: data.generation, digest: data.to.digest };
}

type Readable = MoveEvent | Extract<JudgedEvent, { kind: 'garbage' }>;

/** A thousand followers of one process are handed the same event. */
const known = new WeakMap<object, Readable>();

function readEvent(event: unknown): Readable {
  if (typeof event !== 'object' || event === null) return NO_EVENT;
  const read = known.get(event) ?? parseEvent(event);
  known.set(event, read);
  return read;
}

function parseEvent(event: object): Readable {
  const parsed = MoveEvent.safeParse(event);
  if (!parsed.success) return NO_EVENT;
  const { id, data } = parsed.data;
  if (id === moveEventId(data)) return parsed.data;
  return { kind: 'garbage', reason: `its id ${JSON.stringify(id.slice(0, 300))} is not that of its move` };
}

const NO_EVENT = { kind: 'garbage', reason: 'it is no move event' } as const;
