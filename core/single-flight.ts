/** Work of which at most one run is under way. */
export interface SingleFlight<T> {
  /** The result of the run that is under way, or of a new one. A failure reaches all who joined that run; the next one is another. */
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
