/**
 * Bounds of starting and stopping the servers that `npm start` brings along. Times are milliseconds, sizes are bytes.
 * Starts are bounded generously, since a crash recovery on a slow disk is work, not a fault; stops are bounded tightly,
 * since whoever pressed Ctrl-C is waiting and every server here survives being killed.
 */

const second = 1_000;

export const serverLimits = {
  /** initdb with its fsyncs takes 1 s here; a network disk may take fifty times that. */
  initdbMs: 90 * second,
  /** From spawn to the first answered query. PostgreSQL replays its log first; a checkpoint is at most 5 minutes of writes old. */
  readyMs: 120 * second,
  /** Between two looks at a server that is starting: short beside the 0.3 s that a start takes. */
  pollMs: 50,
  /** One probe of a server that is starting. */
  probeMs: 2 * second,
  /** Probes that may be refused as a stranger before that counts as the answer: a second's worth. */
  refusals: 20,
  /** Fast shutdown: rolls back, checkpoints, and says goodbye. After it comes the next harsher signal. */
  stopMs: 10 * second,
  /** The harsher signal, after which only SIGKILL remains. */
  abortMs: 3 * second,
  /** A killed process is gone at once, unless it is stuck in the kernel. */
  killMs: 5 * second,
  /** Orphaned backends of a killed PostgreSQL notice it within a second; until then a new one may not start. */
  orphansMs: 10 * second,
  /** Ports tried before giving up. Each was free a moment ago, so that two in a row mean something else is wrong. */
  portAttempts: 3,
  /** A book of ports has a few names with a number each. */
  portsFileBytes: 4 * 1024,
  /** Git lists the files of a folder from its index. */
  gitMs: 10 * second,
  /** A child of ours finishes the requests that it has: the API bounds its own draining to 10 s, and the worker to less. */
  drainMs: 15 * second,
  /** From spawn until a child of ours says that it is ready; the worker waits for Restate to discover it. */
  childReadyMs: 60 * second,
  /** A migration of a large database takes long, and must not be cut short; past this it waits for a lock that nobody gives up. */
  migrateMs: 600 * second,
  /** How long output may still trickle in from a child that has ended, before its last words are read. */
  lastWordsMs: 500,
  /** Deaths of one process within the window below after which starting it again is no help: about 15 s of trying. */
  deaths: 5,
  deathWindowMs: 60 * second,
  /** Before the first new start after a death, doubled with each further one within the window. */
  restartDelayMs: 500,
  /** A warden that is ending the rest of a killed stack takes at most all the stop times above; the next start waits as long. */
  wardenMs: 90 * second,
  /** A holder of the home that has not said who it is yet, or is just ending. */
  lockSettleMs: 3 * second,
  /** A log file past this size is begun anew, and one old one is kept. */
  logBytes: 20 * 1024 * 1024,
  /** Characters of one line that are shown to whoever started the stack: about a screen. The log keeps all of it. */
  shownChars: 2_000,
  /** Two signals within this time are one Ctrl-C: the terminal sends it to all, and npm hands it on once more. */
  sameSignalMs: 1 * second,
  /** A log file read back for its last words, when a server did not start. */
  logTailBytes: 8 * 1024,
} as const;
