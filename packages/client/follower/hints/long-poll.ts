import type { ControlPlane } from '../control-plane.ts';
import { followLimits } from '../limits.ts';
import type { MoveHints } from './move-hints.ts';
import { jittered, pause } from '../waits.ts';

/**
 * Returns hints from long-polls of the control plane: it responds when the pointer has changed, or after a
 * time limit. Throws the errors of the requests.
 */
export function longPoll(plane: ControlPlane): MoveHints {
  return async function* hints(signal) {
    let known: number | undefined;
    while (!signal.aborted) {
      const pointer = await plane.pointer({ known, waitMs: followLimits.waitMs, signal });
      if (pointer === null) continue;
      // If the response arrived immediately but the pointer is unchanged, a proxy may be broken. The longer wait
      // avoids a busy loop.
      const isAnother = known === undefined || pointer.generation > known;
      known = pointer.generation;
      yield { kind: 'pointer', pointer };
      // A random delay, so that followers that were notified together do not return while others still have
      // to be notified.
      await pause(
        isAnother ? Math.random() * followLimits.nextPollWithinMs : jittered(followLimits.stuckMs),
        signal,
      );
    }
  };
}
