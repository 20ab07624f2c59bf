interface StoppableClock {
  readonly stop: () => void;
  readonly start: () => void;
  /** Forgets what has run and starts with another time. */
  readonly restart: (runMs: number) => void;
  readonly end: () => void;
}

/** Calls back when it has run for so long, not counting the times when it was stopped. Stops nest. */
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
