/** Bounds of the demo. Times are milliseconds. */

const second = 1_000;

export const demoLimits = {
  /** Until the stack serves: it takes 4 s here, and each of its own servers gives up after two minutes. */
  startMs: 180 * second,
  /** Between two looks whether it does. */
  pollMs: 50,
  /** One command: publishing the example takes a second. */
  commandMs: 60 * second,
  /** The stack stops its servers within 25 s, or kills them. */
  stopMs: 60 * second,
  /** Lines of the stack's own words that are shown when it does not start. */
  lastLines: 20,
} as const;
