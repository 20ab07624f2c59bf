/** Lets one wait for a time that somebody else may cut short. */
export class Bell {
  #isRung = false;
  #wake: (() => void) | null = null;

  /** Whoever waits goes on at once; if nobody does, whoever waits next. */
  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Resolves when it rings, when the time is over, or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isRung && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, ms);
      const onAbort = (): void => resolve();
      signal.addEventListener('abort', onAbort);
      await promise;
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
      this.#wake = null;
    }
    this.#isRung = false;
  }
}
