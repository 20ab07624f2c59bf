import { z } from 'zod';
import { pathOf, paths } from '../paths.ts';

import { MoveEvent, moveEventId } from '../moves/move-event.ts';
import { parseJson, parseJsonAs } from '../json/parse-json.ts';
import { moveStream, StreamLayout } from '../sinks/sink.ts';
import { SINK_TEST } from '../moves/sink-event.ts';
import { eventLimits } from '../limits.ts';

/** The field of a stream entry that contains the event as JSON. */
export const EVENT_FIELD = 'event';

export type EntryFields = Readonly<Record<string, string>>;

export type ReadEntry =
  | { readonly kind: 'moved'; readonly event: MoveEvent }
  /** A test event, with which an operator checks a sink. No pointer has moved. */
  | { readonly kind: 'test' }
  | { readonly kind: 'rejected'; readonly why: Garbage };

/**
 * The reason why a stream entry is not a valid move. Any client with write access to Redis can add such an
 * entry.
 */
export type Garbage = 'no_event' | 'too_large' | 'not_json' | 'not_an_event' | 'contradicts_itself';

const TestEvent = z.object({ type: z.literal(SINK_TEST) });

/** Parses and checks one entry of a stream. */
export function readEntry(stream: string, fields: EntryFields): ReadEntry {
  const text = fields[EVENT_FIELD];
  if (text === undefined) return { kind: 'rejected', why: 'no_event' };
  if (text.length > eventLimits.chars) return { kind: 'rejected', why: 'too_large' };
  const json = parseJson(text);
  if (json.kind === 'not_json') return { kind: 'rejected', why: 'not_json' };
  if (TestEvent.safeParse(json.value).success) return { kind: 'test' };
  const parsed = MoveEvent.safeParse(json.value);
  if (!parsed.success) return { kind: 'rejected', why: 'not_an_event' };
  return agrees(stream, parsed.data)
    ? { kind: 'moved', event: parsed.data }
    : { kind: 'rejected', why: 'contradicts_itself' };
}

/** Returns the ID of the event in a stream entry. Returns null if the entry contains no event with an ID. */
export function entryEventId(fields: EntryFields): string | null {
  const text = fields[EVENT_FIELD] ?? '';
  if (text.length > eventLimits.chars) return null;
  return parseJsonAs(z.object({ id: z.string() }), text)?.id ?? null;
}

/**
 * Returns whether the event belongs to this stream. Four fields of the event contain the tenant. They must
 * match each other and the name of the stream. The event of one tenant can therefore never be accepted as
 * that of another.
 */
function agrees(stream: string, { id, source, subject, data }: MoveEvent): boolean {
  const { tenant, bundle, channel } = data;
  return (
    id === moveEventId(data) &&
    source === pathOf(paths.tenant, { tenant }) &&
    subject === `${tenant}/${bundle}/${channel}` &&
    StreamLayout.options.some((layout) => moveStream(tenant, layout) === stream)
  );
}
