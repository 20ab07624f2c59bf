/** Limits of provider payloads and responses. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

export const deliveryLimits = {
  /**
   * The maximum size of a payload. GitHub lists up to 2,048 commits per push. With a kilobyte and a few paths each,
   * they take half of this.
   */
  bodyBytes: 4 * MiB,
  /**
   * The maximum number of JSON values in a payload. A GitHub commit has 20 values, so 2,048 commits leave room for
   * 150,000 paths in four megabytes.
   */
  values: 200_000,
  /** The maximum nesting depth of a payload. GitHub's payloads are 6 levels deep. */
  depth: 32,
  /**
   * The maximum number of commits per push from GitLab. It lists 20 by default, and its administrators can change that.
   */
  gitlabCommits: 2_048,
  /** The maximum length of a stored commit subject. Most are far shorter. */
  subjectChars: 200,
  /** The maximum length of a pushed ref: four times the limit of the file systems that Git uses. */
  refChars: 1_000,
  /**
   * The time limit for starting the workflow of a recorded delivery. GitHub and GitLab time out after ten seconds. If
   * the start fails, the sweep repeats it.
   */
  startMs: 3 * second,
} as const;

/** Limits of the thread in which the API parses the payloads of deliveries. */
export const deliveryReaderLimits = {
  /** The number of threads. A typical payload takes a few milliseconds, and the largest a tenth of a second. */
  threads: 1,
  /** The maximum number of payloads per tenant that are parsed at the same time. With 1, tenants take turns. */
  perTenant: 1,
  /** The maximum number of payloads that wait for the thread. Their total size is also limited. */
  queued: 256,
  /**
   * The maximum number of waiting payloads per tenant. A provider redelivers a payload that is rejected above this
   * limit.
   */
  queuedPerTenant: 64,
  /** The heap limit of the thread: enough for four megabytes of text as parsed objects. */
  heapMiB: 128,
  /**
   * The time limit for one payload. The thread is then terminated. The number of values is limited, so parsing takes
   * less than a second and only a hung thread reaches the limit. It includes the start of the thread, which takes long
   * on a busy machine.
   */
  timeoutMs: 30 * second,
} as const;

export const fetchLimits = {
  /** The maximum size of a compressed repository archive. Its unpacked size has a separate limit. */
  archiveBytes: 64 * MiB,
  /** The time limit of one fetch: 64 MiB at 9 Mbit/s. */
  timeoutMs: minute,
  /**
   * The maximum number of redirects. A fetch is redirected from the API to the host of the archives, and a second time
   * if the repository has moved.
   */
  redirects: 3,
  /** The maximum number of archives that one worker fetches and reads concurrently. Each is in memory as a whole. */
  atOnce: 4,
  /**
   * The maximum number of concurrent fetches per tenant. It leaves capacity for others when a tenant's repositories are
   * slow.
   */
  atOnceOfTenant: 2,
  /** The delay before a fetch that exceeds these limits is retried. Other fetches take seconds. */
  busyRetryMs: 2 * second,
} as const;

export const statusLimits = {
  timeoutMs: 15 * second,
  /**
   * The maximum size of a provider's response to a request that sets a status. A typical response takes two
   * kilobytes. The list of a commit's statuses is larger.
   */
  answerBytes: MiB,
  redirects: 2,
  /** The maximum number of statuses of one commit that are requested: the largest page of GitLab. */
  listed: 100,
  /**
   * The maximum number of JSON values in a list of statuses, which the worker parses on its event loop. A status has 30
   * values, including its author.
   */
  values: 10_000,
  depth: 16,
  /** The maximum length of a description. GitHub rejects longer descriptions. */
  githubDescriptionChars: 140,
  /** The maximum length of a description: the size of GitLab's database column. */
  gitlabDescriptionChars: 255,
} as const;
