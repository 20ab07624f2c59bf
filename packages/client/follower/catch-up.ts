import { type FollowFailure, failureOf } from './failure.ts';
import { followLimits } from './limits.ts';
import { isOver, nextTryMs, pause } from './waits.ts';

/** A generation of a pointer and its content, to be fetched. */
export interface Target {
  readonly generation: number;
  readonly version: number;
  readonly digest: string;
}

export interface CatchUpDeps {
  /** Returns whether the generation is newer than every generation that has run. */
  readonly isAhead: (generation: number) => boolean;
  /** Fetches the target and swaps it in. Rejects with {@link FollowFailure}, or with the signal's reason. */
  readonly fetchAndSwap: (target: Target, signal: AbortSignal) => Promise<void>;
  readonly onFailure: (failure: FollowFailure) => void;
  readonly signal: AbortSignal;
}

export interface CatchUp {
  /** Sets the target. Ignored unless it is newer than all earlier targets. */
  want(target: Target): void;
  /** The generation that is being fetched, or null. */
  readonly wanted: number | null;
  /** Resolves when no fetch is running. */
  idle(): Promise<void>;
}

/**
 * Fetches the newest target, one at a time and never an older one. A newer target aborts the current fetch,
 * whose blobs stay on disk. It never aborts two fetches in a row, so that the follower makes progress even if
 * moves arrive faster than it can fetch.
 */
export function catchUp(deps: CatchUpDeps): CatchUp {
  let next: Target | null = null;
  let current: {
    readonly target: Target;
    /** Aborts when a newer target replaces it, or when the follower is closed. */
    readonly stop: AbortController;
    readonly isFirm: boolean;
  } | null = null;
  let running = Promise.resolve();
  // All targets share one listener, because an `AbortSignal.any` for each target costs more than the rest of
  // the work.
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
