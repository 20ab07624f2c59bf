import type { MoveEvent } from '../../core/moves/move-event.ts';
import { consumerLimits } from './limits.ts';
import type { FetchedPointer, Missed, MoveProgress } from './move-progress.ts';

/** What a runtime does with moves. Both end when their signal aborts; one that does not holds up all that comes behind. */
export interface MoveHandler {
  /** Applies the move. What it throws brings the move back later, up to the delivery limit. It may come twice when the consumer dies. */
  readonly apply: (event: MoveEvent, signal: AbortSignal) => Promise<void>;
  /**
   * Fetches the pointers that may have been missed, applies them as they are now, and says which generation each has. Called before the
   * first move, and whenever something is missing. What it throws counts as a failure of the move that showed the gap.
   */
  readonly snapshot: (missed: Missed, signal: AbortSignal) => Promise<readonly FetchedPointer[]>;
}

/** What became of a move that was taken. */
export type Taken = 'applied' | 'stale' | 'foreign';

/** Gives one move to the handler unless it is here already, and has what is missing before it fetched. Throws what the handler throws. */
export async function takeMove(
  event: MoveEvent,
  { handler, progress, signal }: { handler: MoveHandler; progress: MoveProgress; signal: AbortSignal },
): Promise<Taken> {
  const move = event.data;
  if (!progress.covers(move)) return 'foreign';
  const missed = progress.missedBefore(move);
  if (missed !== null) progress.fetched(await handler.snapshot(missed, bounded(signal)));
  const stale = progress.isStale(move);
  if (!stale) await handler.apply(event, bounded(signal));
  progress.passed(move);
  return stale ? 'stale' : 'applied';
}

export function bounded(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(consumerLimits.applyMs)]);
}
