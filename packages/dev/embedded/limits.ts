/**
 * Limits for starting and stopping the servers that `npm start` includes. Times are milliseconds, sizes are
 * bytes. Start limits are generous, because a crash recovery on a slow disk takes long. Stop limits are
 * tight, because a user who pressed Ctrl-C is waiting, and every server here survives a kill.
 */

const second = 1_000;

export const serverLimits = {
  /**
   * The timeout of initdb. It takes about 1 s on a local disk, and its fsyncs may take fifty times as long on
   * a network disk.
   */
  initdbMs: 90 * second,
  /**
   * The time limit from the spawn of a server to its first successful query. PostgreSQL first replays its
   * log, which contains at most 5 minutes of writes since the last checkpoint.
   */
  readyMs: 120 * second,
  /** The polling interval while a server starts. A start takes 0.3 s. */
  pollMs: 50,
  /** The timeout of one probe of a starting server. */
  probeMs: 2 * second,
  /**
   * The number of unauthorized responses, about a second of probes, after which the wrong server must be
   * listening on the port.
   */
  refusals: 20,
  /**
   * The time limit of a graceful stop, in which PostgreSQL rolls back transactions and writes a checkpoint.
   * Then the next harsher signal follows.
   */
  stopMs: 10 * second,
  /** The wait after the harsher signal, before SIGKILL. */
  abortMs: 3 * second,
  /** The wait after SIGKILL. A killed process ends immediately, unless it is stuck in the kernel. */
  killMs: 5 * second,
  /**
   * How long to wait for the orphaned backends of a killed PostgreSQL. They usually end within a second, and
   * a new server can't start before that.
   */
  orphansMs: 10 * second,
  /**
   * The number of ports that are tried. Each was free immediately before, so repeated failures must have
   * another cause.
   */
  portAttempts: 3,
  /** The maximum size of the ports file, which contains a few names and numbers. */
  portsFileBytes: 4 * 1024,
  /** The timeout of listing the tracked files of a folder with Git. */
  gitMs: 10 * second,
  /**
   * The time limit for a child process to finish its running requests. The API drains for at most 10 s, and
   * the worker for less.
   */
  drainMs: 15 * second,
  /**
   * The time limit from the spawn of a child process until it is ready. The worker is ready when Restate has
   * discovered it.
   */
  childReadyMs: 60 * second,
  /**
   * The timeout of a migration. It must not be interrupted, and takes long for a large database. After this
   * time, it is probably waiting for a lock that is never released.
   */
  migrateMs: 600 * second,
  /** How long output may still arrive from an ended child process, before the end of its log is read. */
  logTailMs: 500,
  /**
   * The number of deaths of one process within `deathWindowMs` after which it is not restarted. The attempts
   * take about 15 s.
   */
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
