/** Limits of the demo. Times are milliseconds. */

const second = 1_000;

export const demoLimits = {
  /** Time until the stack is ready. It takes 4 s here, and each of its servers times out after two minutes. */
  startMs: 180 * second,
  /** The interval of the readiness checks. */
  pollMs: 50,
  /** One command. Publishing the example takes a second. */
  commandMs: 60 * second,
  /** The stack stops its servers within 25 s, or kills them. */
  stopMs: 60 * second,
  /** Lines of the stack's output that are shown when it does not start. */
  lastLines: 20,
} as const;
