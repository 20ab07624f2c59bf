import { z } from 'zod';

import { MoveEvent, moveEventId } from '../../core/moves/move-event.ts';
import { parseJson, parseJsonAs } from '../../core/json/parse-json.ts';
import { moveStream, StreamLayout } from '../../core/sink.ts';
import { SINK_TEST } from '../sinks/target.ts';
import { redisLimits } from './limits.ts';

/** The field of an entry that holds the event, as JSON. */
export const EVENT_FIELD = 'event';

export type EntryFields = Readonly<Record<string, string>>;

export type ReadEntry =
  | { readonly kind: 'moved'; readonly event: MoveEvent }
  /** Somebody looks whether the stream is read. Nothing moved. */
  | { readonly kind: 'test' }
  | { readonly kind: 'rejected'; readonly why: Garbage };

/** Why an entry is no move. Whoever can write to Redis can write such. */
export type Garbage = 'no_event' | 'too_large' | 'not_json' | 'not_an_event' | 'contradicts_itself';

const TestEvent = z.object({ type: z.literal(SINK_TEST) });

/** What an entry of that stream says. */
export function readEntry(stream: string, fields: EntryFields): ReadEntry {
  const text = fields[EVENT_FIELD];
  if (text === undefined) return { kind: 'rejected', why: 'no_event' };
  if (text.length > redisLimits.eventChars) return { kind: 'rejected', why: 'too_large' };
  const json = parseJson(text);
  if (json.kind === 'not_json') return { kind: 'rejected', why: 'not_json' };
  if (TestEvent.safeParse(json.value).success) return { kind: 'test' };
  const parsed = MoveEvent.safeParse(json.value);
  if (!parsed.success) return { kind: 'rejected', why: 'not_an_event' };
  return agrees(stream, parsed.data)
    ? { kind: 'moved', event: parsed.data }
    : { kind: 'rejected', why: 'contradicts_itself' };
}

/** The id of the event in an entry, as far as it has one. */
export function entryEventId(fields: EntryFields): string | null {
  const text = fields[EVENT_FIELD] ?? '';
  if (text.length > redisLimits.eventChars) return null;
  return parseJsonAs(z.object({ id: z.string() }), text)?.id ?? null;
}

/** An event says whose it is in four places, and a fifth is where it stands: one tenant's never passes for another's. */
function agrees(stream: string, { id, source, subject, data }: MoveEvent): boolean {
  const { tenant, bundle, channel } = data;
  return (
    id === moveEventId(data) &&
    source === `/v1/tenants/${tenant}` &&
    subject === `${tenant}/${bundle}/${channel}` &&
    StreamLayout.options.some((layout) => moveStream(tenant, layout) === stream)
  );
}
