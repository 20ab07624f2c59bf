import { databaseLimits } from '../../../core/limits/limits.ts';
import { probeLimits } from '../limits.ts';

const second = 1_000;

/** Limits of the server's diagnosis. Times are milliseconds, sizes are bytes. */

/**
 * The time within which a healthy worker reports a store that hangs: the timeout of the worker's statement, and one
 * second for the transfer.
 */
const WORKER_MS = databaseLimits.statementTimeoutMs + databaseLimits.silenceMs + second;

export const diagnosisLimits = {
  workerMs: WORKER_MS,
  /**
   * The time limit of one check. It is longer than the check's calls to the worker and to the database, so that their
   * own errors are reported.
   */
  checkMs: WORKER_MS + probeLimits.timeoutMs + second,
  /** The maximum length of each text in a finding, in characters. A failure in Restate may quote a whole response. */
  textChars: 2_000,
  /** The maximum number of stuck invocations in the findings. Further invocations usually have the same few causes. */
  stuckInvocations: 20,
  /**
   * After this many retries, an invocation has failed for more than ten seconds (restate.toml). That is longer than any
   * restart.
   */
  manyRetries: 8,
  /** The maximum number of old releases in the findings: about 250 KB. */
  oldReleases: 1_000,
  /**
   * The maximum number of pages, of {@link diagnosisLimits.oldReleases} releases each, that are searched for old
   * releases. A page takes about 100 ms.
   */
  releasePages: 10,
  /**
   * The thresholds for free disk space. The lower of the fraction and the size applies, because a fraction of a large
   * disk is a lot. The embedded servers preallocate a few hundred megabytes.
   */
  diskFree: {
    errorShare: 0.05,
    errorBytes: 1_000_000_000,
    warningShare: 0.1,
    warningBytes: 5_000_000_000,
    inodeShare: 0.01,
  },
} as const;
