import { databaseLimits } from '../../../core/limits/limits.ts';
import { probeLimits } from '../limits.ts';

const second = 1_000;

/** Limits of the server's examination. Times are milliseconds, sizes are bytes. */

/** Time within which a working worker reports a store that hangs: the timeout of the worker's statement, and a second for the transfer. */
const WORKER_MS = databaseLimits.statementTimeoutMs + databaseLimits.silenceMs + second;

export const diagnosisLimits = {
  workerMs: WORKER_MS,
  /** One check: longer than its calls to the worker and to the database, so that their own errors are reported. */
  checkMs: WORKER_MS + probeLimits.timeoutMs + second,
  /** Characters of one text of a finding. A failure in Restate may quote a whole response. */
  textChars: 2_000,
  /** Stuck invocations that are listed: more have the same few causes. */
  stuckInvocations: 20,
  /** After this many retries an invocation has failed for more than ten seconds (restate.toml), longer than any restart. */
  manyRetries: 8,
  /** Old releases that are listed: 250 KB. */
  oldReleases: 1_000,
  /** Pages of releases in flight that are read to find them, of {@link diagnosisLimits.oldReleases} each: some 100 ms a page. */
  releasePages: 10,
  /**
   * Free space of a disk: the smaller of a share of it and a size, because a share of a large disk is a lot. The embedded servers write a
   * few hundred megabytes ahead.
   */
  diskFree: {
    errorShare: 0.05,
    errorBytes: 1_000_000_000,
    warningShare: 0.1,
    warningBytes: 5_000_000_000,
    inodeShare: 0.01,
  },
} as const;
