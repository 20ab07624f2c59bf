/**
 * Limits for starting and stopping the servers that `npm start` includes. Times are milliseconds, sizes are
 * bytes. Start limits are generous, because a crash recovery on a slow disk takes long. Stop limits are
 * tight, because a user who pressed Ctrl-C is waiting, and every server here survives a kill.
 */

const second = 1_000;

export const serverLimits = {
  /** initdb with its fsyncs takes 1 s here; a network disk may take fifty times that. */
  initdbMs: 90 * second,
  /**
   * From the spawn to the first answered query. PostgreSQL replays its log first; a checkpoint is at most 5
   * minutes of writes old.
   */
  readyMs: 120 * second,
  /** The polling interval while a server starts: short compared with the 0.3 s of a start. */
  pollMs: 50,
  /** One probe of a starting server. */
  probeMs: 2 * second,
  /**
   * Probes that may be rejected as unauthorized before the rejection counts as the result: a second's worth.
   */
  refusals: 20,
  /** Fast shutdown: rolls back, checkpoints, and disconnects. After it comes the next harsher signal. */
  stopMs: 10 * second,
  /** The wait after the harsher signal, before SIGKILL. */
  abortMs: 3 * second,
  /** A killed process ends immediately, unless it is stuck in the kernel. */
  killMs: 5 * second,
  /**
   * Orphaned backends of a killed PostgreSQL detect it within a second; until then a new server may not
   * start.
   */
  orphansMs: 10 * second,
  /**
   * Ports that are tried before giving up. Each was free a moment before, so two failures in a row have
   * another cause.
   */
  portAttempts: 3,
  /** The ports file has a few names with a number each. */
  portsFileBytes: 4 * 1024,
  /** Git lists the files of a folder from its index. */
  gitMs: 10 * second,
  /**
   * A child process finishes its running requests. The API limits its drain to 10 s, and the worker to less.
   */
  drainMs: 15 * second,
  /** Time from the spawn until a child process is ready. The worker waits until Restate has discovered it. */
  childReadyMs: 60 * second,
  /**
   * A migration of a large database takes long, and must not be interrupted. After this time it is probably
   * waiting for a lock that is never released.
   */
  migrateMs: 600 * second,
  /** How long output may still arrive from an ended child process, before the end of its log is read. */
  logTailMs: 500,
  /** Deaths of one process within the window below, after which it is not restarted: about 15 s of tries. */
  deaths: 5,
  deathWindowMs: 60 * second,
  /** The delay of the first restart. It doubles with each further restart within the window. */
  restartDelayMs: 500,
  /**
   * A watchdog that ends the rest of a killed stack takes at most the sum of the stop limits above. The next
   * start waits this long.
   */
  watchdogMs: 90 * second,
  /** How long to wait for a lock holder that is not identified yet, or is just ending. */
  lockSettleMs: 3 * second,
  /** A log file above this size is rotated, and one old file is kept. */
  logBytes: 20 * 1024 * 1024,
  /**
   * Characters of one line that are printed for the user: about a screen. The log contains the whole line.
   */
  shownChars: 2_000,
  /**
   * Two signals within this time are one Ctrl-C: the terminal sends it to the whole process group, and npm
   * forwards it again.
   */
  sameSignalMs: 1 * second,
  /** How much of a log file's end is read when a server did not start. */
  logTailBytes: 8 * 1024,
} as const;
