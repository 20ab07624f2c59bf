/** Limits for the payloads and the responses of Git providers. Sizes are in bytes, times in milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

export const deliveryLimits = {
  /**
   * The maximum size of a payload. GitHub lists up to 2,048 commits per push. If each commit has 1 KiB including its
   * paths, they take half of this size.
   */
  bodyBytes: 4 * MiB,
  /**
   * The maximum number of JSON values in a payload. A GitHub commit has 20 values without its paths, so 2,048 commits
   * have about 41,000 values. The rest is enough for 150,000 changed paths.
   */
  values: 200_000,
  /** The maximum nesting depth of a payload. GitHub's payloads are 6 levels deep. */
  depth: 32,
  /**
   * The maximum number of commits in a GitLab payload. GitLab lists 20 by default, and administrators can increase
   * this number.
   */
  gitlabCommits: 2_048,
  /** The maximum length of the commit subject that is stored. Longer subjects are cut. */
  subjectChars: 200,
  /** The maximum length of a pushed ref: four times the limit of the file systems that Git uses. */
  refChars: 1_000,
  /**
   * The time limit for starting the workflow of a recorded delivery. It must be short, because GitHub and GitLab wait
   * at most ten seconds for the response. If the start fails, the periodic sweep repeats it.
   */
  startMs: 3 * second,
} as const;

/** Limits for the thread in which the API parses the payloads of hook deliveries. */
export const deliveryReaderLimits = {
  /** The number of threads. One is enough, because a typical payload takes a few milliseconds and the largest 0.1 s. */
  threads: 1,
  /** The maximum number of payloads of one tenant that are parsed concurrently. With 1, tenants take turns. */
  perTenant: 1,
  /** The maximum number of payloads that wait for the thread. A separate limit applies to their total size. */
  queued: 256,
  /**
   * The maximum number of waiting payloads of one tenant. A payload above this limit is rejected, and the provider
   * can deliver it again.
   */
  queuedPerTenant: 64,
  /** The maximum heap of the thread. A payload of the maximum size fits into it as parsed objects. */
  heapMiB: 128,
  /**
   * The maximum time for one payload, including the start of the thread. The thread is terminated when the limit is
   * reached. Because the number of values is limited, parsing takes less than a second, so only a hung thread reaches
   * the limit. The start of the thread can take long on a busy machine.
   */
  timeoutMs: 30 * second,
} as const;

export const fetchLimits = {
  /**
   * The maximum size of a repository archive as downloaded, that is, compressed. The unpacked size has a separate
   * limit.
   */
  archiveBytes: 64 * MiB,
  /** The maximum time of one download. An archive of the maximum size takes one minute at 9 Mbit/s. */
  timeoutMs: minute,
  /**
   * The maximum number of redirects per download. The API redirects to the archive host. If the repository has moved,
   * there is a second redirect. The third is a reserve.
   */
  redirects: 3,
  /**
   * The maximum number of archives that one worker downloads or reads concurrently. Each archive is completely in
   * memory.
   */
  atOnce: 4,
  /**
   * The maximum number of concurrent downloads per tenant. If the repositories of one tenant are slow, other tenants
   * can still download.
   */
  atOnceOfTenant: 2,
  /**
   * The wait before a download is retried that could not start because of these limits. A typical download takes
   * seconds.
   */
  busyRetryMs: 2 * second,
} as const;

export const statusLimits = {
  timeoutMs: 15 * second,
  /**
   * The maximum size of a provider's response when a status is set or the statuses of a commit are listed. The
   * response to a new status typically has 2 kB. A list of statuses is larger.
   */
  answerBytes: MiB,
  redirects: 2,
  /** The maximum number of statuses of one commit that are requested. It is GitLab's maximum page size. */
  listed: 100,
  /**
   * The maximum number of JSON values in a list of statuses. The limit exists because the worker parses the list on
   * its event loop. Each status has 30 values, including its author.
   */
  values: 10_000,
  depth: 16,
  /** The maximum length of a status description at GitHub, which rejects longer ones. */
  githubDescriptionChars: 140,
  /** The maximum length of a status description at GitLab, which stores it in a database column of this size. */
  gitlabDescriptionChars: 255,
} as const;
