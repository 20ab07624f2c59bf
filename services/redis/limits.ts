/** Bounds of talking to Redis as a writer. Times are milliseconds. */

const second = 1_000;

export const redisLimits = {
  /** Until a new connection may be used: name, TCP, TLS, login. Takes a few milliseconds. */
  connectMs: 5 * second,
  /** Until a command is answered. Takes under a millisecond; a Redis that forks for a snapshot, or waits for its disk, takes a second. */
  commandMs: 5 * second,
  /** An idle connection is asked this often whether it still is one … */
  pingMs: 10 * second,
  /** … and is closed after so long without a byte: three questions. */
  silenceMs: 30 * second,
  /** Commands that wait for their answer. Past it something is wrong that more commands would not mend. */
  inFlight: 256,
  /** A goodbye, after which the socket is closed anyway. */
  closeMs: second,
} as const;
