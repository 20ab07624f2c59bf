import { createParser, type EventSourceMessage } from 'eventsource-parser';

import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { Pointer } from '@pointsman/protocol/moves/pointer';
import { streamEvents } from '@pointsman/protocol/stream-events';
import type { ControlPlane } from '../control-plane.ts';
import { FollowFailure } from '../failure.ts';
import { followLimits } from '../limits.ts';
import type { MoveHint, MoveHints } from './move-hints.ts';

/** Callbacks that are called for each stream. */
export interface StreamListener {
  /** Called for each event. */
  readonly onEvent?: () => void;
  /** Called if a stream was opened, but ended or was silent before its first event, with which every stream starts. */
  readonly onNoEvent?: () => void;
}

/**
 * Returns a source of hints that reads the pointer's event stream from the API. The stream contains the
 * pointer at the start, and again after each move. Throws when the stream ends, or receives no data for too
 * long.
 */
export function serverSentEvents(
  plane: ControlPlane,
  { onEvent, onNoEvent }: StreamListener = {},
): MoveHints {
  return async function* hints(signal) {
    const silence = new AbortController();
    const fallSilent = (): void =>
      silence.abort(new FollowFailure('later', 'the event stream was silent for too long'));
    let watch = setTimeout(fallSilent, followLimits.requestMs);
    let isOpen = false;
    let events = 0;
    try {
      const body = await plane.pointerStream(AbortSignal.any([signal, silence.signal]));
      isOpen = true;
      if (body === null) throw new FollowFailure('later', 'the control plane did not return an event stream');
      clearTimeout(watch);
      watch = setTimeout(fallSilent, followLimits.firstEventMs);
      const complete: EventSourceMessage[] = [];
      const parser = createParser({
        onEvent: (event) => complete.push(event),
        maxBufferSize: followLimits.eventChars,
      });
      const decoder = new TextDecoder();
      for await (const chunk of body as AsyncIterable<Buffer>) {
        parser.feed(decoder.decode(chunk, { stream: true }));
        if (events > 0) watch.refresh();
        for (const event of complete.splice(0)) {
          if (events === 0) {
            clearTimeout(watch);
            watch = setTimeout(fallSilent, followLimits.streamSilenceMs);
          }
          events += 1;
          onEvent?.();
          yield hintOf(event);
        }
      }
    } finally {
      clearTimeout(watch);
      silence.abort();
      if (isOpen && events === 0 && !signal.aborted) onNoEvent?.();
    }
  };
}

/** Converts an event to a hint. An event that can't be parsed may have been a move, so it becomes a gap. */
function hintOf({ event, data }: EventSourceMessage): MoveHint {
  if (event !== streamEvents.pointer) return { kind: 'gap' };
  const pointer = parseJsonAs(Pointer, data);
  return pointer === null ? { kind: 'gap' } : { kind: 'pointer', pointer };
}
