/** Limits of the demo. Times are milliseconds. */

const second = 1_000;

export const demoLimits = {
  /**
   * The time limit for the start of the stack. It usually takes 4 s, and each of its servers times out after
   * two minutes.
   */
  startMs: 180 * second,
  /** The interval of the readiness checks. */
  pollMs: 50,
  /** The timeout of one command. Publishing the example takes a second. */
  commandMs: 60 * second,
  /** The time limit for the stop of the stack, which stops or kills its servers within 25 s. */
  stopMs: 60 * second,
  /** The maximum number of lines of the stack's output that are shown if it fails to start. */
  lastLines: 20,
} as const;
