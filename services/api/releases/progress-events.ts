import type { ReleaseProgress } from '../../postgres/releases/releases.ts';
import { encodeEvent } from '../responses/event-stream.ts';
import { followed, type Followed } from '../watches/followed.ts';
import { encodeEventId, type EventId, isAfter, type ReleaseEvent, releaseEvents } from './release-events.ts';
import { viewRelease } from './release-view.ts';

/** An event in encoded form. */
interface EncodedEvent {
  readonly id: EventId;
  /** Encodes the event at the first call, and returns the same buffer to all readers. */
  readonly encoded: () => Uint8Array;
}

/** The events to send for one state of the release. */
interface Batch {
  readonly events: readonly Uint8Array[];
  /** The ID of the last event in this batch. */
  readonly last: EventId;
  readonly isSettled: boolean;
}

/**
 * Yields each event of the release after `seen` once, until the release has settled. Readers that follow the same
 * release send the same buffers.
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

/** Yields the events after `seen` of a release that has settled. */
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
 * Encoded once for all readers of the same release state. Encoding it separately for a thousand readers would take a
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
