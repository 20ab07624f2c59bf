import type { ControlPlane } from '../control-plane.ts';
import { followLimits } from '../limits.ts';
import type { MoveHints } from './move-hints.ts';
import { jittered, pause } from '../waits.ts';

/**
 * Returns a source of hints that long-polls the API. The API responds when the pointer has moved, or after a
 * time limit. Throws the errors of the requests.
 * @param goesOn whether to send the next request; by default always
 */
export function longPoll(plane: ControlPlane, goesOn: () => boolean = () => true): MoveHints {
  return async function* hints(signal) {
    let known: number | undefined;
    while (!signal.aborted && goesOn()) {
      const pointer = await plane.pointer({ known, waitMs: followLimits.waitMs, signal });
      if (pointer === null) continue;
      // The response arrived although the pointer has not moved, for example because of a broken proxy. The
      // following wait is then longer, to avoid a busy loop.
      const isAnother = known === undefined || pointer.generation > known;
      known = pointer.generation;
      yield { kind: 'pointer', pointer };
      // A random delay. Followers that were notified at the same time would otherwise send their next request
      // while the API still notifies others.
      await pause(
        isAnother ? Math.random() * followLimits.nextPollWithinMs : jittered(followLimits.stuckMs),
        signal,
      );
    }
  };
}
