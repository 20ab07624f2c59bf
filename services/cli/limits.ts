/** Bounds of the command line. Times are milliseconds, sizes are bytes. */

const second = 1_000;
const minute = 60 * second;

export const cliLimits = {
  /** One request: longer than the 20 s after which the API itself gives up on its stores. */
  requestMs: 30 * second,
  /** A publish may carry 48 MiB over a slow line. */
  uploadMs: 5 * minute,
  /** Tries of one request, the first included. With the waits below it is about 15 s of an outage, a restart's worth. */
  attempts: 6,
  firstRetryMs: 250,
  longestRetryMs: 8 * second,
  /** The longest Retry-After that is obeyed; past it a person should know instead. */
  longestRetryAfterMs: 30 * second,
  /** How long `--wait` waits unless told: a CI job that hangs longer costs more than asking again. */
  waitMs: 30 * minute,
  longestWaitMs: 7 * 24 * 60 * minute,
  /** Between two looks at a release where the event stream can't be had. */
  pollMs: second,
  /** Events that were lost or a stream that was cut this often in a row: look at the release itself from then on. */
  streamFailures: 3,
  /** A stream that says nothing for this long, not even a keep-alive comment, is dead; proxies cut at 60 s. */
  streamSilenceMs: 65 * second,
  /** One event is one small JSON document; more than this is not an event stream. */
  eventChars: 1024 * 1024,
  /** Pages of a list that are followed, of 1,000 rows each: the whole history of any pointer that people moved. */
  pages: 20,
  pageRows: 1_000,
  /** Rows that a list shows unless told. */
  shownRows: 20,
  /** Files fetched at the same time for a diff. */
  parallelFetches: 8,
  /** A release that is this long in flight is worth a doctor's look. */
  oldReleaseMs: minute,
  /** Releases of each bundle that the doctor looks at through the API, newest first: what is in flight is among them. */
  doctorReleases: 100,
  /** Deliveries of each hook that the doctor looks at, newest first: one page. Of a busy hook they are about a week's. */
  doctorDeliveries: 1_000,
  /** Stuck invocations that the doctor lists: more have the same few causes. */
  doctorRows: 20,
  /** From this retry on an invocation has failed for more than ten seconds (restate.toml): no restart takes that long. */
  manyRetries: 8,
  /** A sink that fails for longer than this does not mend itself soon: a restart of a broker or an endpoint is over by then. */
  failingSinkMs: minute,
  /** Moves that a sink may be behind without failing: it catches up with hundreds a second. */
  sinkLag: 1_000,
  /**
   * Free space of a disk: the smaller of a share of it and a size, since a share of a large disk is a lot. The embedded servers write a few
   * hundred megabytes ahead.
   */
  diskFree: {
    errorShare: 0.05,
    errorBytes: 1_000_000_000,
    warningShare: 0.1,
    warningBytes: 5_000_000_000,
    inodeShare: 0.01,
  },
  /** What a repaired release may take to settle: a sweep and its retries. */
  repairMs: 30 * second,
  /** An ignore file is written by hand; each of its lines becomes a regular expression. */
  ignoreFileBytes: 64 * 1024,
  /** A file of the home that the command line reads: an address, a token or some ports, each far shorter. */
  homeFileBytes: 4 * 1024,
  /** A policy as people write it. The API takes 64 KiB of JSON, which comments and indentation make several times as long. */
  policyFileBytes: 1024 * 1024,
  /** Names that are listed where only a note is wanted; past it their number is enough. */
  notedNames: 8,
  /** How long `up` waits for the stack after Ctrl-C before it is killed: PostgreSQL and Restate stop in 25 s at worst. */
  stopMs: 60 * second,
} as const;
