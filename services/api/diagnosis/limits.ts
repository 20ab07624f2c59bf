import { databaseLimits } from '../../../core/limits/limits.ts';
import { probeLimits } from '../limits.ts';

const second = 1_000;

/** Limits of the server's diagnosis. Times are in milliseconds, and sizes are in bytes. */

/**
 * The maximum time until a healthy worker reports that a store hangs. It is the sum of the timeouts of the worker's database statement, and
 * one second for transferring the report.
 */
const WORKER_MS = databaseLimits.statementTimeoutMs + databaseLimits.silenceMs + second;

export const diagnosisLimits = {
  workerMs: WORKER_MS,
  /**
   * The time limit of one check. It exceeds the time limits of the check's own calls to the worker and the database. These calls therefore
   * fail first, and their more specific errors are reported.
   */
  checkMs: WORKER_MS + probeLimits.timeoutMs + second,
  /** The maximum length of each text in a finding, in characters. It is needed because a failure in Restate may quote a whole response. */
  textChars: 2_000,
  /**
   * The maximum number of stuck Restate invocations that are listed. More would add little, because stuck invocations usually have only a
   * few different causes.
   */
  stuckInvocations: 20,
  /**
   * Invocations with at least this many retries are reported as errors, and others as warnings. With the intervals in restate.toml, they
   * have then failed for more than ten seconds, which is longer than any restart.
   */
  manyRetries: 8,
  /** The maximum number of old releases that are listed. The list then has about 250 KB. */
  oldReleases: 1_000,
  /**
   * The maximum number of pages that are searched for old releases. Each page has {@link diagnosisLimits.oldReleases} releases and takes
   * about 100 ms.
   */
  releasePages: 10,
  /**
   * The thresholds below which free disk space is reported. The free space must be below both the fraction and the absolute size, because a
   * small fraction of a large disk is still enough. The absolute sizes allow for the few hundred megabytes that the embedded servers
   * preallocate.
   */
  diskFree: {
    errorShare: 0.05,
    errorBytes: 1_000_000_000,
    warningShare: 0.1,
    warningBytes: 5_000_000_000,
    inodeShare: 0.01,
  },
} as const;
