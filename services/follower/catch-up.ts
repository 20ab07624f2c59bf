import { type FollowFailure, failureOf } from './failure.ts';
import { followLimits } from './limits.ts';
import { isOver, nextTryMs, pause } from './waits.ts';

/** What a pointer names at a generation above 0. */
export interface Target {
  readonly generation: number;
  readonly version: number;
  readonly digest: string;
}

export interface CatchUpDeps {
  /** Whether that generation is above what runs or has run. */
  readonly isAhead: (generation: number) => boolean;
  /** Gets it and swaps it in. Rejects with {@link FollowFailure}, or with the signal's reason. */
  readonly bring: (target: Target, signal: AbortSignal) => Promise<void>;
  readonly onFailure: (failure: FollowFailure) => void;
  readonly signal: AbortSignal;
}

export interface CatchUp {
  /** That is what should run. Ignored unless it is ahead of all that was wanted before. */
  want(target: Target): void;
  /** The generation that is being fetched. */
  readonly wanted: number | null;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/**
 * Goes to the newest target, one at a time and never back. A newer one takes the place of the one that is being fetched, whose blobs stay
 * where they are; but not twice in a row, so that moves which come faster than they can be fetched still get somewhere.
 */
export function catchUp(parts: CatchUpDeps): CatchUp {
  let next: Target | null = null;
  let going: {
    readonly target: Target;
    /** Aborts when it is overtaken, or with the follower. */
    readonly stop: AbortController;
    readonly isFirm: boolean;
  } | null = null;
  let running = Promise.resolve();
  // One listener for all targets: a signal that is made of two others for each of them costs more than the rest of the way.
  parts.signal.addEventListener('abort', () => going?.stop.abort(parts.signal.reason), { once: true });

  async function run(): Promise<void> {
    let isFirm = false;
    while (next !== null && !isOver(parts.signal)) {
      going = { target: next, stop: new AbortController(), isFirm };
      next = null;
      await bringWithRetries(parts, going.target, going.stop.signal);
      isFirm = going.stop.signal.aborted;
    }
    going = null;
  }

  return {
    want(target) {
      const newest = next ?? going?.target;
      if (!parts.isAhead(target.generation) || target.generation <= (newest?.generation ?? 0)) return;
      next = target;
      if (going === null) running = run();
      else if (!going.isFirm) going.stop.abort(new Error('a newer generation is there'));
    },
    get wanted() {
      return (next ?? going?.target)?.generation ?? null;
    },
    idle: () => running,
  };
}

async function bringWithRetries(parts: CatchUpDeps, target: Target, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !isOver(signal);) {
    try {
      await parts.bring(target, signal);
      return;
    } catch (error) {
      if (isOver(signal)) return;
      const failure = failureOf(error);
      parts.onFailure(failure);
      const waitMs = nextTryMs(++failures, failure, followLimits.retries);
      if (waitMs === null) return;
      await pause(waitMs, signal);
    }
  }
}
