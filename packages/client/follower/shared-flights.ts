import { deferred } from '@pointsman/protocol/calls/deferred';

interface Flight<T> {
  readonly result: Promise<T>;
  readonly abandon: AbortController;
  waiting: number;
}

/**
 * Runs work once for all concurrent callers with the same key. The work is aborted only when its last caller
 * has stopped waiting.
 */
export class SharedFlights<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Returns the result of the work with this key, and starts the work if it is not running. If the caller's
   * signal aborts, rejects immediately with the signal's reason.
   */
  async join(key: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#begin(key, begin);
    flight.waiting++;
    const { promise: aborted, reject } = deferred<never>();
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([flight.result, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      if (--flight.waiting === 0) this.#leave(key, flight);
    }
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abandon = new AbortController();
    const flight: Flight<T> = { result: begin(abandon.signal), abandon, waiting: 0 };
    this.#flights.set(key, flight);
    const ended = (): void => this.#forget(key, flight);
    flight.result.then(ended, ended);
    return flight;
  }

  #leave(key: string, flight: Flight<T>): void {
    this.#forget(key, flight);
    flight.abandon.abort(new Error('no caller waits for the result any more'));
  }

  /** Removes work that has finished or was aborted, so that the next caller starts it again. */
  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
