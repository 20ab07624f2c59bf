import type { MoveEvent } from '@pointsman/protocol/moves/move-event';
import { consumerLimits } from './limits.ts';
import type { FetchedPointer, Missed, MoveProgress } from './move-progress.ts';

/**
 * How a runtime handles moves. Both functions must end when their signal aborts; otherwise they block all
 * later moves.
 */
export interface MoveHandler {
  /**
   * Applies the move. If it throws, the move is redelivered later, up to the delivery limit. A move may be
   * applied twice when the consumer dies.
   */
  readonly apply: (event: MoveEvent, signal: AbortSignal) => Promise<void>;
  /**
   * Fetches the pointers that may have been missed, applies their current state, and returns their
   * generations. Called before the first move, and whenever a move is missing. If it throws, the move that
   * showed the gap counts as failed.
   */
  readonly snapshot: (missed: Missed, signal: AbortSignal) => Promise<readonly FetchedPointer[]>;
}

/** The result of a received move. */
export type ApplyResult = 'applied' | 'stale' | 'foreign';

/**
 * Passes one move to the handler, unless it was already applied. Missing moves are fetched first. Throws the
 * handler's errors.
 */
export async function applyMove(
  event: MoveEvent,
  { handler, progress, signal }: { handler: MoveHandler; progress: MoveProgress; signal: AbortSignal },
): Promise<ApplyResult> {
  const move = event.data;
  if (!progress.covers(move)) return 'foreign';
  const missed = progress.missedBefore(move);
  if (missed !== null) progress.fetched(await handler.snapshot(missed, withTimeLimit(signal)));
  const stale = progress.isStale(move);
  if (!stale) await handler.apply(event, withTimeLimit(signal));
  progress.passed(move);
  return stale ? 'stale' : 'applied';
}

export function withTimeLimit(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(consumerLimits.applyMs)]);
}
