/** Runs some work. At any time, at most one run is in progress. */
export interface SingleFlight<T> {
  /**
   * Returns the result of the run in progress. If no run is in progress, starts one. If a run fails, all its
   * callers get the error, and the next call starts a new run.
   */
  join(): Promise<T>;
  /** The promise of the run in progress, or null. */
  readonly underWay: Promise<T> | null;
}

/**
 * Shares one run of `work` among all callers that arrive while the run is in progress.
 *
 * A caller may therefore get data that was read before its call. If it needs newer data, for example after a
 * notification, use `sharedReads` of the API instead: it lets late callers wait for the next run. If callers
 * may stop waiting, use `SharedFlights` of the follower instead: it aborts a run when no caller waits for it
 * any more.
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
