/** Limits of the command line. Times are milliseconds, sizes are bytes. */

const second = 1_000;
const minute = 60 * second;

export const cliLimits = {
  /** The timeout of the server's diagnosis. Two consecutive runs take up to 48 s while a database hangs. */
  diagnosisMs: 55 * second,
  /** The default of `--timeout`: a CI job that hangs longer costs more than running it again. */
  waitMs: 30 * minute,
  longestWaitMs: 7 * 24 * 60 * minute,
  /** The default number of rows in a list. */
  shownRows: 20,
  /** Files fetched at the same time for a diff. */
  parallelFetches: 8,
  /** Deliveries of each hook that the doctor reads, newest first: one page. For a busy hook, about a week. */
  doctorDeliveries: 1_000,
  /**
   * A sink that has failed for longer than this is reported. A restart of a broker or an endpoint takes less.
   */
  failingSinkMs: minute,
  /**
   * The number of moves that a healthy sink may be behind. It catches up with hundreds of moves per second.
   */
  sinkLag: 1_000,
  /** The time limit for a repaired release to settle, which allows for a sweep and its retries. */
  repairMs: 30 * second,
  /** The maximum size of an ignore file. It is written by hand, and each line becomes a regular expression. */
  ignoreFileBytes: 64 * 1024,
  /**
   * The size of a file that the command line reads from the home. A URL, a token or a list of ports is far
   * shorter.
   */
  homeFileBytes: 4 * 1024,
  /**
   * The size of a policy file. The API accepts 64 KiB of JSON. With comments and indentation, the file may be
   * several times as long.
   */
  policyFileBytes: 1024 * 1024,
  /** The maximum number of names that a note lists. If there are more, the note only states how many. */
  notedNames: 8,
  /** How long `up` waits for the stack after Ctrl-C before it is killed: PostgreSQL and Restate stop in 25 s at worst. */
  stopMs: 60 * second,
} as const;
