/** Bounds of what providers deliver and answer. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

export const deliveryLimits = {
  /** A payload. GitHub lists up to 2,048 commits of a push: with a kilobyte and a few paths each that is half of this. */
  bodyBytes: 4 * MiB,
  /** Values of a payload: a commit of GitHub's has 20, which with 2,048 of them leaves room for 150,000 paths in four megabytes. */
  values: 200_000,
  /** Nesting of a payload. GitHub's go 6 deep. */
  depth: 32,
  /** Commits that GitLab lists of a push: 20, and its administrators can change it. */
  gitlabCommits: 2_048,
  /** Payloads held at once, from whomever: until its signature is checked, nobody is known. A 16th of what publishes may hold. */
  heldBytes: 16 * MiB,
  /** Of that, those for one tenant's hooks. */
  heldBytesOfTenant: 8 * MiB,
  /** What is kept of a commit's message: its subject, which people keep far shorter. */
  subjectChars: 200,
  /** A repository's path, a ref, a folder: what the providers and Git take. */
  nameChars: 255,
  /** A ref that was pushed: four times what file systems let Git keep. */
  refChars: 1_000,
  urlChars: 2_000,
  /** A shared secret: short ones are guessed, and GitHub takes no long ones. */
  minSecretChars: 16,
  maxSecretChars: 255,
  tokenChars: 1_024,
  /** Starting a delivery that is on record: GitHub and GitLab give up after ten seconds, and the sweep starts it as well. */
  startMs: 3 * second,
} as const;

/** The thread in which the API reads the payloads of deliveries. */
export const deliveryReaderLimits = {
  /** One: a payload takes it some milliseconds, and the largest a tenth of a second. */
  threads: 1,
  /** Payloads that wait for it. Those held in memory are bounded in bytes as well. */
  queued: 256,
  /** Four megabytes of text, as objects. */
  heapMiB: 128,
  /**
   * One payload; past this the thread is ended. Its values are bounded, so that it takes less than a second: this is for a thread that hangs, and
   * long enough for one that is only being started on a busy machine.
   */
  timeoutMs: 30 * second,
} as const;

/** Hooks of a tenant: a few for each of its repositories. */
export const MOST_HOOKS = 200;

export const fetchLimits = {
  /** The archive of a repository as it comes; what it unpacks to has its own bound. */
  archiveBytes: 64 * MiB,
  /** 64 MiB over 9 Mbit/s. */
  timeoutMs: minute,
  /** The API, and the host that keeps the archives; one more for a repository that has moved. */
  redirects: 3,
  /** Archives that one worker fetches and reads at once: each is held in memory whole. */
  atOnce: 4,
  /** Of those, one tenant's: so that one with slow repositories leaves room. */
  atOnceOfTenant: 2,
  /** For one that found no room: others take seconds. */
  busyRetryMs: 2 * second,
} as const;

export const statusLimits = {
  timeoutMs: 15 * second,
  /** What a provider says of a status it took: about two kilobytes. A list of a commit's statuses is longer. */
  answerBytes: MiB,
  redirects: 2,
  /** Statuses of one commit that are asked for: a page of GitLab's at its largest. */
  standing: 100,
  /** Values of that answer, which is read on the worker's event loop: a status has 30, with its author. */
  values: 10_000,
  depth: 16,
  /** GitHub refuses longer ones. */
  githubDescriptionChars: 140,
  /** GitLab's column. */
  gitlabDescriptionChars: 255,
} as const;
