/**
 * Limits of the checks and compilations that outside services run, and of their reports. Sizes are bytes,
 * times are milliseconds.
 */

import { sourceLimits } from '@pointsman/protocol/limits';

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** Limits of a compilation by an outside compiler. */
export const remoteCompileLimits = {
  minWithinMs: second,
  maxWithinMs: 24 * 60 * minute,
  /**
   * The highest number of attempts that a policy may allow. A compilation that has failed ten times will fail
   * again.
   */
  attempts: 10,
  /**
   * The wait between two attempts. A crashed compiler restarts within seconds, and a deployment takes about a
   * minute.
   */
  betweenAttempts: { firstMs: second, factor: 4, maxMs: minute },
} as const;

/** Limits for sending the request for a check or a compilation. */
export const calloutLimits = {
  /**
   * Retries of the request. The seven waits take at most four minutes together, or longer if `Retry-After`
   * demands it. Then the attempt has failed.
   */
  retries: { attempts: 8, firstMs: second, factor: 2, maxMs: minute },
  /**
   * The timeout of one HTTP call. The service only has to accept the request; it sends the result to the
   * callback.
   */
  callMs: 20 * second,
  /** The response body is ignored, and at most this many bytes of it are read. */
  answerBytes: 64 * KiB,
  /** No redirects: a request contains a capability, which only the URL in the policy may receive. */
  redirects: 0,
} as const;

/** Limits of the requests that outside services send to a callback. */
export const callbackLimits = {
  /**
   * The size of one report. Restate journals it, so the limit is far below the size of a source. It allows
   * the maximum of 200 diagnostics, or a hundred artifacts.
   */
  bodyBytes: 512 * KiB,
  /**
   * The size of one uploaded blob: twice the largest file of a source, because a compiler bundles modules
   * with their imports. The API holds one copy in memory.
   */
  blobBytes: 2 * sourceLimits.fileBytes,
  /**
   * The total size of the blobs of one release, over all attempts: twice the limit of a source, and the same
   * again for the overlays.
   */
  releaseBytes: 4 * sourceLimits.totalBytes,
  /** The maximum number of blobs of one release: twice the number of files in a source, plus their manifests. */
  releaseBlobs: 2 * sourceLimits.files + 1_000,
  /**
   * The API sends a source to a compiler in batches of files of this total size. A larger file forms its own
   * batch.
   */
  sourceBatchBytes: MiB,
} as const;

/** The operator's list of Celery tasks that tenants may send. */
export const celeryGrantLimits = {
  /**
   * The number of grants. The list is an environment variable, and the worker searches it at each compile
   * request.
   */
  grants: 1_000,
} as const;
