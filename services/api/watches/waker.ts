import { watchLimits } from '../limits.ts';

/**
 * Wakes many followers in portions, so that the event loop serves other requests in between. Each follower sends the loaded value when it
 * wakes, which takes time.
 */
export class Waker {
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  /** `wake` is called in a later turn of the event loop, in the order of the calls. It must not throw. */
  add(wake: () => void): void {
    this.#waiting.push(wake);
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => this.#wakeSome());
  }

  #wakeSome(): void {
    for (const wake of this.#waiting.splice(0, watchLimits.wokenPerTurn)) wake();
    this.#isRunning = this.#waiting.length > 0;
    if (this.#isRunning) setImmediate(() => this.#wakeSome());
  }
}
