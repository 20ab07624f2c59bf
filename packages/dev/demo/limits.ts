/** Limits of the demo. Times are milliseconds. */

const second = 1_000;

export const demoLimits = {
  /**
   * The maximum time for the start of the stack (PostgreSQL, Restate, the worker and the API). It usually
   * takes 4 s. It is longer than the two minutes after which the start of a single server fails.
   */
  startMs: 180 * second,
  /** The interval at which the demo checks whether the stack is ready. */
  pollMs: 50,
  /** The timeout of one command of the demo. Publishing the example takes about a second. */
  commandMs: 60 * second,
  /** The maximum time for the stop of the stack. The stack itself stops or kills its servers within 25 s. */
  stopMs: 60 * second,
  /** The maximum number of lines of the stack's output that are shown if the stack fails to start. */
  lastLines: 20,
} as const;
