/** Limits of the command line. Times are milliseconds, sizes are bytes. */

const second = 1_000;
const minute = 60 * second;

export const cliLimits = {
  /** Time for the server's examination: longer than two examinations, which take up to 48 s while a store hangs. */
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
  /** A sink that fails for longer than this is a problem: a restart of a broker or an endpoint takes less. */
  failingSinkMs: minute,
  /** Moves that a healthy sink may be behind: it catches up with hundreds a second. */
  sinkLag: 1_000,
  /** The time for a repaired release to settle: a sweep and its retries. */
  repairMs: 30 * second,
  /** An ignore file is written by hand; each of its lines becomes a regular expression. */
  ignoreFileBytes: 64 * 1024,
  /** A file of the home that the command line reads: a URL, a token or some ports, each far shorter. */
  homeFileBytes: 4 * 1024,
  /** A policy file. The API accepts 64 KiB of JSON, which comments and indentation make several times as long. */
  policyFileBytes: 1024 * 1024,
  /** Names listed in a note; with more, only their number is shown. */
  notedNames: 8,
  /** How long `up` waits for the stack after Ctrl-C before it is killed: PostgreSQL and Restate stop in 25 s at worst. */
  stopMs: 60 * second,
} as const;
