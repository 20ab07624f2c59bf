import { watchLimits } from '../limits.ts';

/**
 * Notifies many followers in batches. The event loop serves other requests between two batches. Notifying a follower takes time, because
 * the follower immediately sends the loaded value to its reader.
 */
export class Notifier {
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  /**
   * Schedules `notify` for a later turn of the event loop. Callbacks run in the order in which they were added. `notify` must not throw.
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
