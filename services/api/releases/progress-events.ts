import type { ReleaseProgress } from '../../postgres/releases/releases.ts';
import { encodeEvent } from '../responses/event-stream.ts';
import { followed, type Followed } from '../watches/followed.ts';
import { encodeEventId, type EventId, isAfter, type ReleaseEvent, releaseEvents } from './release-events.ts';
import { viewRelease } from './release-view.ts';

/** An event of a release that is encoded on demand. */
interface EncodedEvent {
  readonly id: EventId;
  /** Encodes the event at the first call. Later calls return the same buffer, so that all readers share it. */
  readonly encoded: () => Uint8Array;
}

/** The events that a reader must get for the current state of a release. */
interface Batch {
  readonly events: readonly Uint8Array[];
  /** The ID of the last event in the batch. */
  readonly last: EventId;
  readonly isSettled: boolean;
}

/**
 * Yields each event of a release after the event `seen` exactly once. Ends when the release has settled. All readers that follow the
 * release share the encoded buffers.
 */
export function progressEvents(
  records: Followed<ReleaseProgress | null>,
  seen: EventId,
): Followed<readonly Uint8Array[]> {
  let last = seen;
  let isSettled = false;
  const produce = async (): Promise<readonly Uint8Array[] | undefined> => {
    while (!isSettled) {
      const batch = await nextBatch(records, last);
      if (batch === null) return undefined;
      ({ last, isSettled } = batch);
      if (batch.events.length > 0) return batch.events;
    }
    return undefined;
  };
  return followed(produce, () => records.return());
}

/** Yields the events of a settled release that follow the event `seen`. */
export function settledEvents(record: ReleaseProgress, seen: EventId): Followed<readonly Uint8Array[]> {
  let events: readonly Uint8Array[] | undefined = batchOf(record, seen).events;
  const produce = async (): Promise<readonly Uint8Array[] | undefined> => {
    const all = events;
    events = undefined;
    return all;
  };
  return followed(produce, () => undefined);
}

async function nextBatch(records: Followed<ReleaseProgress | null>, last: EventId): Promise<Batch | null> {
  const next = await records.next();
  return next.done === true || next.value === null ? null : batchOf(next.value, last);
}

function batchOf(record: ReleaseProgress, seen: EventId): Batch {
  const fresh = eventsOf(record).filter(({ id }) => isAfter(id, seen));
  return {
    events: fresh.map(({ encoded }) => encoded()),
    last: fresh.at(-1)?.id ?? seen,
    isSettled: record.status === 'settled',
  };
}

const known = new WeakMap<ReleaseProgress, readonly EncodedEvent[]>();

/**
 * The events are encoded once for all readers of the same state of a release. Encoding them separately for a thousand readers would take a
 * second.
 */
function eventsOf(record: ReleaseProgress): readonly EncodedEvent[] {
  const { gateChanges, ...release } = record;
  const events =
    known.get(record) ?? releaseEvents(viewRelease(release), gateChanges).map((event) => encodedOnce(event));
  known.set(record, events);
  return events;
}

function encodedOnce({ id, event, data }: ReleaseEvent): EncodedEvent {
  let bytes: Uint8Array | null = null;
  return { id, encoded: () => (bytes ??= encodeEvent({ id: encodeEventId(id), event, data })) };
}
