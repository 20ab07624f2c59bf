/**
 * Limits for starting and stopping the servers that `npm start` includes. Times are milliseconds, sizes are
 * bytes.
 *
 * The limits for a start are generous, because a crash recovery on a slow disk may take long. The limits for
 * a stop are tight, because a user has pressed Ctrl-C and is waiting. Killing a server is safe, because each
 * of them recovers at its next start.
 */

const second = 1_000;

export const serverLimits = {
  /**
   * The timeout of initdb, which creates a PostgreSQL cluster. It takes about 1 s on a local disk. On a
   * network disk its fsyncs may take fifty times as long.
   */
  initdbMs: 90 * second,
  /**
   * The maximum time from the spawn of a server to its first successful query. After a crash, PostgreSQL
   * first replays its log, which contains the writes of at most 5 minutes.
   */
  readyMs: 120 * second,
  /** The interval at which a starting server is probed. A start usually takes 0.3 s. */
  pollMs: 50,
  /** The timeout of one probe of a starting server. */
  probeMs: 2 * second,
  /**
   * The maximum number of probes of PostgreSQL that fail because the password is wrong. They take about a
   * second. After that, another server must be listening on the port, or the stored password is wrong.
   */
  refusals: 20,
  /**
   * The maximum time of a graceful stop. In this time PostgreSQL rolls back its transactions and writes a
   * checkpoint. After it the next signal is sent, which stops the server less gracefully.
   */
  stopMs: 10 * second,
  /** The time between the less graceful signal and SIGKILL. */
  abortMs: 3 * second,
  /**
   * The maximum time to wait after SIGKILL. A killed process usually ends immediately, unless it is blocked
   * in the kernel.
   */
  killMs: 5 * second,
  /**
   * The maximum time to wait for the backend processes of a killed PostgreSQL. They usually end within a
   * second, and PostgreSQL can't start again before that.
   */
  orphansMs: 10 * second,
  /**
   * The maximum number of attempts to start a server, each on another port. Each port was free just before
   * the attempt, so repeated failures must have another cause.
   */
  portAttempts: 3,
  /** The maximum size of the file that stores the ports. It contains a few names and numbers. */
  portsFileBytes: 4 * 1024,
  /** The timeout of the Git command that lists the tracked files of a folder. */
  gitMs: 10 * second,
  /**
   * The maximum time that the API or the worker gets to finish its running requests. The API stops waiting
   * for them after 10 s, and the worker earlier.
   */
  drainMs: 15 * second,
  /**
   * The maximum time from the spawn of the API or the worker until it is ready. The worker is ready when
   * Restate has registered it.
   */
  childReadyMs: 60 * second,
  /**
   * The timeout of the migration of the database. A migration must not be interrupted, and it takes long for
   * a large database. After this time it is probably waiting for a lock that is never released.
   */
  migrateMs: 600 * second,
  /**
   * The time to wait after a child process has ended, before the end of its log is read. Output may still
   * arrive in this time.
   */
  logTailMs: 500,
  /**
   * The number of times that one process may end unexpectedly within `deathWindowMs`. After that it is not
   * restarted. The attempts take about 15 s in total.
   */
  deaths: 5,
  deathWindowMs: 60 * second,
  /** The delay before the first restart. It doubles with each further restart within `deathWindowMs`. */
  restartDelayMs: 500,
  /**
   * The maximum time that a start waits for the watchdog of a killed stack, which is still ending the servers
   * of that stack. It is the sum of the limits above for stopping them.
   */
  watchdogMs: 90 * second,
  /**
   * The maximum time to wait if the data directory is locked but it is not known by which process. The holder
   * has just started or is just ending.
   */
  lockSettleMs: 3 * second,
  /** The size above which a log file is rotated. One old file is kept. */
  logBytes: 20 * 1024 * 1024,
  /**
   * The maximum number of characters of one log line that are printed for the user: about a screen. The log
   * file contains the whole line.
   */
  shownChars: 2_000,
  /**
   * Two signals within this time count as one Ctrl-C. The terminal sends the signal to the whole process
   * group, and npm forwards it again.
   */
  sameSignalMs: 1 * second,
  /**
   * The maximum number of bytes that are read from the end of a log file, to show why a server did not start.
   */
  logTailBytes: 8 * 1024,
} as const;
