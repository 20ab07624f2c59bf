import { FollowFailure, failureOf } from '../failure.ts';
import { followLimits } from '../limits.ts';
import type { MoveHint, MoveHints } from './move-hints.ts';
import { afterFailureMs, isOver, pause } from '../waits.ts';

export interface ListenDeps {
  readonly source: MoveHints;
  /** Called when a connection starts. The connection does not report earlier moves. */
  readonly onOpen: () => void;
  readonly onHint: (hint: MoveHint) => void;
  readonly onFailure: (failure: FollowFailure) => void;
  readonly signal: AbortSignal;
}

/** Receives hints until the signal aborts, and reconnects after a failure. */
export async function listen({ source, onOpen, onHint, onFailure, signal }: ListenDeps): Promise<void> {
  for (let failures = 0; !isOver(signal);) {
    const began = performance.now();
    try {
      onOpen();
      for await (const hint of source(signal)) {
        if (isOver(signal)) return;
        failures = 0;
        onHint(hint);
      }
      throw new FollowFailure('later', 'the source of move hints has ended');
    } catch (error) {
      if (isOver(signal)) return;
      // A connection that lasted this long was healthy, even if it received nothing.
      if (performance.now() - began > followLimits.sourceBackoff.maxMs) failures = 0;
      const failure = failureOf(error);
      onFailure(failure);
      await pause(afterFailureMs(++failures, failure, followLimits.sourceBackoff), signal);
    }
  }
}
