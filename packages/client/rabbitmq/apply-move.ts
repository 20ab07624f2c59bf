import type { MoveEvent } from '@pointsman/protocol/moves/move-event';
import { consumerLimits } from './limits.ts';
import type { FetchedPointer, Missed, MoveProgress } from './move-progress.ts';

/**
 * The functions with which a program handles moves. Both must end when their signal aborts. Otherwise they
 * block all later moves.
 */
export interface MoveHandler {
  /**
   * Applies a move. If it throws, the broker redelivers the move after a wait, up to the delivery limit. If
   * the consumer dies after applying a move, the move is delivered and applied again.
   */
  readonly apply: (event: MoveEvent, signal: AbortSignal) => Promise<void>;
  /**
   * Reads the pointers of which moves may have been missed, applies their current state, and returns their
   * generations. It is called before the first move, and whenever a move is missing. If it throws, the move
   * that revealed the gap counts as failed.
   */
  readonly snapshot: (missed: Missed, signal: AbortSignal) => Promise<readonly FetchedPointer[]>;
}

/**
 * The result of processing a received move. `stale`: its generation or a newer one was already applied.
 * `foreign`: no binding matches it.
 */
export type ApplyResult = 'applied' | 'stale' | 'foreign';

/**
 * Passes a move to the handler, unless its generation or a newer one was already applied. If earlier moves
 * are missing, first calls the handler's `snapshot`. Throws the errors of the handler.
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
