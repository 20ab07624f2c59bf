import { FollowFailure, failureOf } from '../failure.ts';
import { followLimits } from '../limits.ts';
import type { MoveHint, MoveHints } from './move-hints.ts';
import { afterFailureMs, isOver, pause } from '../waits.ts';

export interface ListenDeps {
  readonly source: MoveHints;
  /**
   * Called whenever a connection starts. A move before that may have been missed, because the connection does
   * not report it.
   */
  readonly onOpen: () => void;
  readonly onHint: (hint: MoveHint) => void;
  readonly onFailure: (failure: FollowFailure) => void;
  readonly signal: AbortSignal;
}

/** Receives hints from the source until the signal aborts. Reconnects after a failure. */
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
      // A connection that lasted for longer than the maximum backoff was healthy, even if it received
      // nothing. The next wait is therefore short again.
      if (performance.now() - began > followLimits.sourceBackoff.maxMs) failures = 0;
      const failure = failureOf(error);
      onFailure(failure);
      await pause(afterFailureMs(++failures, failure, followLimits.sourceBackoff), signal);
    }
  }
}
