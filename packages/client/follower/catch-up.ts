import { type FollowFailure, failureOf } from './failure.ts';
import { followLimits } from './limits.ts';
import { isOver, nextTryMs, pause } from './waits.ts';

/** A generation of a pointer that the follower must fetch, with its version and digest. */
export interface Target {
  readonly generation: number;
  readonly version: number;
  readonly digest: string;
}

export interface CatchUpDeps {
  /** Returns whether the generation is newer than every generation that this follower has run. */
  readonly isAhead: (generation: number) => boolean;
  /**
   * Fetches the bundle of the target and makes it the running one. Rejects with {@link FollowFailure}, or
   * with the signal's reason.
   */
  readonly fetchAndSwap: (target: Target, signal: AbortSignal) => Promise<void>;
  readonly onFailure: (failure: FollowFailure) => void;
  readonly signal: AbortSignal;
}

export interface CatchUp {
  /** Sets the target to fetch. Does nothing unless the target is newer than all earlier targets. */
  want(target: Target): void;
  /** The generation that is being fetched. Null if no fetch is running. */
  readonly wanted: number | null;
  /** Resolves when no fetch is running. */
  idle(): Promise<void>;
}

/**
 * Fetches the newest target, one at a time and never an older one. A newer target aborts the running fetch,
 * whose blobs stay on disk. Two fetches in a row are never aborted. Otherwise the follower would make no
 * progress if moves arrived faster than it can fetch them.
 */
export function catchUp(deps: CatchUpDeps): CatchUp {
  let next: Target | null = null;
  let current: {
    readonly target: Target;
    /** Aborts this fetch when a newer target replaces it, or when the follower is closed. */
    readonly stop: AbortController;
    readonly isFirm: boolean;
  } | null = null;
  let running = Promise.resolve();
  // One listener serves all targets. An `AbortSignal.any` for each target would cost more than the rest of
  // this function.
  deps.signal.addEventListener('abort', () => current?.stop.abort(deps.signal.reason), { once: true });

  async function run(): Promise<void> {
    let isFirm = false;
    while (next !== null && !isOver(deps.signal)) {
      current = { target: next, stop: new AbortController(), isFirm };
      next = null;
      await fetchWithRetries(deps, current.target, current.stop.signal);
      isFirm = current.stop.signal.aborted;
    }
    current = null;
  }

  return {
    want(target) {
      const newest = next ?? current?.target;
      if (!deps.isAhead(target.generation) || target.generation <= (newest?.generation ?? 0)) return;
      next = target;
      if (current === null) running = run();
      else if (!current.isFirm) current.stop.abort(new Error('a newer generation has arrived'));
    },
    get wanted() {
      return (next ?? current?.target)?.generation ?? null;
    },
    idle: () => running,
  };
}

async function fetchWithRetries(deps: CatchUpDeps, target: Target, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !isOver(signal);) {
    try {
      await deps.fetchAndSwap(target, signal);
      return;
    } catch (error) {
      if (isOver(signal)) return;
      const failure = failureOf(error);
      deps.onFailure(failure);
      const waitMs = nextTryMs(++failures, failure, followLimits.retries);
      if (waitMs === null) return;
      await pause(waitMs, signal);
    }
  }
}
