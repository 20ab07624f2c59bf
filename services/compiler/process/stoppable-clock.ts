interface StoppableClock {
  readonly stop: () => void;
  readonly start: () => void;
  /** Discards the elapsed time, and starts the timer again with a new duration. */
  readonly restart: (runMs: number) => void;
  readonly end: () => void;
}

/**
 * A timer that can be paused. `stop` and `start` calls nest: the timer continues when `start` was called as often as
 * `stop`.
 */
export function stoppableClock(runMs: number, onEnd: () => void): StoppableClock {
  let leftMs = runMs;
  let startedAt = performance.now();
  let stops = 0;
  let ended = false;
  let timer = setTimeout(onEnd, leftMs);
  return {
    stop: () => {
      if (stops++ > 0) return;
      clearTimeout(timer);
      leftMs -= performance.now() - startedAt;
    },
    start: () => {
      if (--stops > 0 || ended) return;
      startedAt = performance.now();
      timer = setTimeout(onEnd, Math.max(0, leftMs));
    },
    restart: (newRunMs) => {
      clearTimeout(timer);
      leftMs = newRunMs;
      startedAt = performance.now();
      if (stops === 0 && !ended) timer = setTimeout(onEnd, leftMs);
    },
    end: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}
