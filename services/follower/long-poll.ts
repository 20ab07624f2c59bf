import type { ControlPlane } from './control-plane.ts';
import { followLimits } from './limits.ts';
import type { MoveHints } from './move-hints.ts';
import { jittered, pause } from './waits.ts';

/** Asks the control plane again and again, and each answer waits until the pointer is another one. Throws what asking throws. */
export function longPoll(plane: ControlPlane): MoveHints {
  return async function* hints(signal) {
    let known: number | undefined;
    while (!signal.aborted) {
      const pointer = await plane.pointer({ known, waitMs: followLimits.waitMs, signal });
      if (pointer === null) continue;
      // It said that this is another one, and it is not: whoever stands in between must not be asked in a circle.
      const isAnother = known === undefined || pointer.generation > known;
      known = pointer.generation;
      yield { kind: 'pointer', pointer };
      // Those that were told together do not all come back while others are still to be told.
      await pause(
        isAnother ? Math.random() * followLimits.askAgainWithinMs : jittered(followLimits.stuckMs),
        signal,
      );
    }
  };
}
