import { watchLimits } from '../limits.ts';

/**
 * Notifies many followers in portions, so that the event loop serves other requests in between. Each follower sends the loaded value when it
 * is notified, which takes time.
 */
export class Notifier {
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  /** `notify` is called in a later turn of the event loop, in the order of the calls. It must not throw. */
  add(notify: () => void): void {
    this.#waiting.push(notify);
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => this.#notifySome());
  }

  #notifySome(): void {
    for (const notify of this.#waiting.splice(0, watchLimits.notifiedPerTurn)) notify();
    this.#isRunning = this.#waiting.length > 0;
    if (this.#isRunning) setImmediate(() => this.#notifySome());
  }
}
