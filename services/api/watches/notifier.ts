import { watchLimits } from '../limits.ts';

/**
 * Notifies many followers in batches, so that the event loop can serve other requests in between. Notifying a follower
 * takes time, because it sends the loaded value immediately.
 */
export class Notifier {
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  /**
   * Schedules `notify` for a later turn of the event loop. The calls run in the order in which they were added.
   * `notify` must not throw.
   */
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
