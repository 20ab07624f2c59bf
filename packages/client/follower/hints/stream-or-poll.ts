import type { ControlPlane } from '../control-plane.ts';
import { followLimits } from '../limits.ts';
import { longPoll } from './long-poll.ts';
import type { MoveHints } from './move-hints.ts';
import { serverSentEvents } from './server-sent-events.ts';

/**
 * Returns a source of hints that reads the pointer's event stream. Some proxies hold back the events of a stream
 * until it ends. If several streams in a row open and bring no event, the source long-polls the API for a while,
 * and then tries the stream again. A stream that can't be opened, for example because the API restarts, is only
 * opened again: long-polls would fail too.
 */
export function streamOrPoll(plane: ControlPlane): MoveHints {
  let silentStreams = 0;
  let pollUntil = 0;
  const stream = serverSentEvents(plane, {
    onEvent: () => {
      silentStreams = 0;
    },
    onNoEvent: () => {
      silentStreams += 1;
      if (silentStreams < followLimits.silentStreams) return;
      silentStreams = 0;
      pollUntil = performance.now() + followLimits.pollInsteadMs;
    },
  });
  const poll = longPoll(plane, () => performance.now() < pollUntil);
  return async function* hints(signal) {
    yield* poll(signal);
    yield* stream(signal);
  };
}
