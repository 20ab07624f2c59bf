/** Work of which at most one run is under way. */
export interface SingleFlight<T> {
  /**
   * Returns the result of the run in progress, or starts one. If the run fails, every caller that joined it gets the error, and the next call starts a
   * new run.
   */
  join(): Promise<T>;
  /** Null when nothing is under way. */
  readonly underWay: Promise<T> | null;
}

/**
 * Shares one run among all who ask while it is under way. They may be given what was read before they asked: where that matters, as after a
 * notification, `sharedReads` of the API gives them the run after it; where each may give up waiting, `SharedFlights` of the follower ends a
 * run for which nobody waits.
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
