/** Limits of provider payloads and responses. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

export const deliveryLimits = {
  /**
   * A payload. GitHub lists up to 2,048 commits of a push: with a kilobyte and a few paths each, that is half
   * of this.
   */
  bodyBytes: 4 * MiB,
  /**
   * Values of a payload. A GitHub commit has 20, so 2,048 commits leave room for 150,000 paths in four
   * megabytes.
   */
  values: 200_000,
  /** Nesting of a payload. GitHub's payloads are 6 levels deep. */
  depth: 32,
  /** Commits that GitLab lists per push: 20 by default, and its administrators can change it. */
  gitlabCommits: 2_048,
  /** The stored part of a commit message: its subject, which is usually far shorter. */
  subjectChars: 200,
  /** A repository path, a ref or a folder: the limit of the providers and of Git. */
  nameChars: 255,
  /** A pushed ref: four times the limit of file systems under Git. */
  refChars: 1_000,
  urlChars: 2_000,
  /** A shared secret: a short one can be guessed, and GitHub rejects a longer one. */
  minSecretChars: 16,
  maxSecretChars: 255,
  tokenChars: 1_024,
  /**
   * The time limit for starting a recorded delivery. GitHub and GitLab time out after ten seconds, and the
   * sweep also starts it.
   */
  startMs: 3 * second,
} as const;

/** The thread in which the API parses the payloads of deliveries. */
export const deliveryReaderLimits = {
  /** One thread: a payload takes some milliseconds, and the largest a tenth of a second. */
  threads: 1,
  /** Per tenant at a time, so that tenants take turns. */
  perTenant: 1,
  /** Payloads that wait for the thread. Their bytes in memory are limited as well. */
  queued: 256,
  /** Waiting payloads per tenant. Providers redeliver rejected ones. */
  queuedPerTenant: 64,
  /** Enough for four megabytes of text as parsed objects. */
  heapMiB: 128,
  /**
   * The time limit for one payload, after which the thread is terminated. The number of values is limited, so
   * parsing takes less than a second. Only a hung thread reaches this limit, and a thread on a busy machine
   * has enough time to start.
   */
  timeoutMs: 30 * second,
} as const;

export const fetchLimits = {
  /** The compressed archive of a repository. Its unpacked size has its own limit. */
  archiveBytes: 64 * MiB,
  /** 64 MiB at 9 Mbit/s. */
  timeoutMs: minute,
  /** The API, the host of the archives, and one more for a repository that has moved. */
  redirects: 3,
  /** Archives that one worker fetches and reads concurrently. Each is held in memory as a whole. */
  atOnce: 4,
  /** Concurrent fetches per tenant, so that a tenant with slow repositories leaves capacity for others. */
  atOnceOfTenant: 2,
  /** The retry delay of a fetch over these limits. Other fetches take seconds. */
  busyRetryMs: 2 * second,
} as const;

export const statusLimits = {
  timeoutMs: 15 * second,
  /** A provider's response to a status: about two kilobytes. The list of a commit's statuses is larger. */
  answerBytes: MiB,
  redirects: 2,
  /** Statuses of one commit that are read: the largest page of GitLab. */
  listed: 100,
  /**
   * Values of that response, which the worker parses on its event loop. A status has 30, including its
   * author.
   */
  values: 10_000,
  depth: 16,
  /** GitHub rejects longer descriptions. */
  githubDescriptionChars: 140,
  /** The size of GitLab's database column. */
  gitlabDescriptionChars: 255,
} as const;
