/** Limits of checks and compilations by outside services, and of their reports. Sizes are bytes, times are milliseconds. */

import { sourceLimits } from '@pointsman/protocol/limits';

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** A compilation by an outside compiler. */
export const remoteCompileLimits = {
  minWithinMs: second,
  maxWithinMs: 24 * 60 * minute,
  /** Attempts that a policy may allow: what fails ten times fails always. */
  attempts: 10,
  /** The wait between two attempts: a crashed compiler is back in seconds, and a compiler that is being deployed in a minute. */
  betweenAttempts: { firstMs: second, factor: 4, maxMs: minute },
} as const;

/** Sending the request for a check or a compilation. */
export const calloutLimits = {
  /** Seven waits, together at most four minutes, or as long as `Retry-After` asks for. After that the attempt has failed. */
  retries: { attempts: 8, firstMs: second, factor: 2, maxMs: minute },
  /** One call. The service only has to accept the request: its result comes through the callback. */
  callMs: 20 * second,
  /** Bytes that are read of the response body, which is then ignored. */
  answerBytes: 64 * KiB,
  /** No redirects: a request contains a capability, which only the URL in the policy may receive. */
  redirects: 0,
} as const;

/** Requests to a callback. */
export const callbackLimits = {
  /** A report is journaled, so the limit is far below a source: all 200 diagnostics with full sentences, or a hundred artifacts. */
  bodyBytes: 512 * KiB,
  /** One blob: twice the largest file of a source, because modules are bundled with their imports. It is in memory once. */
  blobBytes: 2 * sourceLimits.fileBytes,
  /** All blobs of one release, over all attempts: twice the limit of its source, and again for its overlays. */
  releaseBytes: 4 * sourceLimits.totalBytes,
  /** Twice the files of a source, and their manifests. */
  releaseBlobs: 2 * sourceLimits.files + 1_000,
  /** Files of a source in memory while it is sent; a larger file is in memory alone. */
  sourceBatchBytes: MiB,
} as const;

/** The operator's list of Celery tasks that tenants may send. */
export const celeryGrantLimits = {
  /** It is an environment variable, and is searched at each compile request. */
  grants: 1_000,
} as const;
