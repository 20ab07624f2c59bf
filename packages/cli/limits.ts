/** Limits of the command line. Times are milliseconds, sizes are bytes. */

const second = 1_000;
const minute = 60 * second;

export const cliLimits = {
  /**
   * The timeout of a request for the server's own diagnosis. Two consecutive diagnoses take up to 48 s if a
   * database does not respond.
   */
  diagnosisMs: 55 * second,
  /** The default of `--timeout`. If a CI job hangs for longer, it is cheaper to run it again. */
  waitMs: 30 * minute,
  longestWaitMs: 7 * 24 * 60 * minute,
  /**
   * The maximum size of an archive that is sent without first asking which of its files the server has stored. It
   * is sent in less time than a question takes.
   */
  smallArchiveBytes: 64 * 1024,
  /** The number of rows that a list shows by default. */
  shownRows: 20,
  /**
   * The maximum number of requests that a command sends at the same time, for example to fetch the files of a
   * diff.
   */
  parallelFetches: 8,
  /**
   * The maximum number of deliveries that `doctor` reads for each hook: one page, the newest first. A busy
   * hook has about as many in a week.
   */
  doctorDeliveries: 1_000,
  /**
   * A sink that has been failing for longer than this is reported as an error, otherwise as a warning. A
   * restart of a broker or of an endpoint takes less time.
   */
  failingSinkMs: minute,
  /**
   * The number of undelivered moves at which `doctor` reports a sink. A working sink delivers hundreds of
   * moves per second, so it reaches this number only if it does not keep up.
   */
  sinkLag: 1_000,
  /**
   * The maximum time that `doctor --repair` waits until the repaired releases have settled. It is long enough
   * for one run of the worker's sweep and its retries.
   */
  repairMs: 30 * second,
  /**
   * The maximum size of an ignore file. People write it by hand, and each line becomes a regular expression.
   */
  ignoreFileBytes: 64 * 1024,
  /**
   * The maximum size of a file that the command line reads from the data directory. The files contain a URL,
   * a token or a list of ports, which are far shorter.
   */
  homeFileBytes: 4 * 1024,
  /**
   * The maximum size of a policy file. The API accepts 64 KiB of JSON, and comments and indentation can make
   * the file several times as long.
   */
  policyFileBytes: 1024 * 1024,
  /**
   * The maximum number of names that a message lists. After them, the message contains only the number of the
   * other names.
   */
  notedNames: 8,
  /**
   * The maximum time that `up` waits for the stack to stop after Ctrl-C. After that it kills the stack.
   * PostgreSQL and Restate stop within 25 s.
   */
  stopMs: 60 * second,
} as const;
