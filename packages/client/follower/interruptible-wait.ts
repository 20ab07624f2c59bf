import { deferred } from '@pointsman/protocol/calls/deferred';

/** A wait that another part of the process can end early. */
export class InterruptibleWait {
  #isInterrupted = false;
  #end: (() => void) | null = null;

  /** Ends the current wait. If no wait is in progress, the next one ends immediately. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#end?.();
  }

  /** Resolves when `interrupt` is called, when the time is over, or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isInterrupted && !signal.aborted) {
      const { promise, resolve } = deferred<void>();
      this.#end = resolve;
      const timer = setTimeout(resolve, ms);
      const onAbort = (): void => resolve();
      signal.addEventListener('abort', onAbort);
      await promise;
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
      this.#end = null;
    }
    this.#isInterrupted = false;
  }
}
