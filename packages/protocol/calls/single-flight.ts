/** Runs work at most once at a time. */
export interface SingleFlight<T> {
  /**
   * Returns the result of the run in progress, or starts one. If the run fails, every caller that joined it gets the error, and the next call starts a
   * new run.
   */
  join(): Promise<T>;
  /** Null when no run is in progress. */
  readonly underWay: Promise<T> | null;
}

/**
 * Shares one run among all callers that arrive while it is in progress. A caller may get a result that was read before it called. Where
 * that matters, such as after a notification, use `sharedReads` of the API, which gives such callers the next run. Where callers may stop
 * waiting, use `SharedFlights` of the follower, which ends a run without callers.
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
