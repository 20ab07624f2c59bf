interface Flight<T> {
  readonly result: Promise<T>;
  readonly abandon: AbortController;
  waiting: number;
}

/** Work that many ask for at once and that is done once. It is given up only when nobody waits for it any more. */
export class SharedFlights<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /** The result of the flight of that key, which is begun unless it is under way. Rejects with the signal's reason as soon as it aborts. */
  async join(key: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#begin(key, begin);
    flight.waiting++;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
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
    flight.abandon.abort(new Error('nobody waits for it any more'));
  }

  /** Whoever comes now begins anew. */
  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
