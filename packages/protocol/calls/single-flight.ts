/** Ensures that at most one run of some work is in progress. */
export interface SingleFlight<T> {
  /**
   * Returns the result of the run in progress, or starts one. If the run fails, every caller that joined it gets the error, and the next call starts a
   * new run.
   */
  join(): Promise<T>;
  /** The run in progress, or null. */
  readonly underWay: Promise<T> | null;
}

/**
 * Shares one run among all callers that arrive while it is in progress. A caller may therefore get a result
 * that was read before its call. If that matters, for example after a notification, use `sharedReads` of the
 * API, which gives late callers the next run. If callers may stop waiting, use `SharedFlights` of the
 * follower, which aborts a run that no caller waits for.
 */
export function singleFlight<T>(work: () => Promise<T>): SingleFlight<T> {
  let running: Promise<T> | null = null;
  return {
    join: () => {
      running ??= work().finally(() => (running = null));
      return running;
    },
    get underWay() {
      return running;
    },
  };
}
