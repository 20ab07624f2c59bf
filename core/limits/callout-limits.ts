/** Bounds of what others are asked for: checks, compilations, and what comes back. Sizes are bytes, times are milliseconds. */

import { sourceLimits } from './limits.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** A compilation by somebody else. */
export const remoteCompileLimits = {
  minWithinMs: second,
  maxWithinMs: 24 * 60 * minute,
  /** Attempts that a policy may ask for: what fails so often fails always. */
  attempts: 10,
  /** Between two of them: a compiler that crashed is back in seconds, one that is being deployed in a minute. */
  betweenAttempts: { firstMs: second, factor: 4, maxMs: minute },
} as const;

/** Asking somebody else for a check or a compilation. */
export const calloutLimits = {
  /** Seven waits, together at most four minutes, or as long as the other side asks for: past it the attempt has failed. */
  retries: { attempts: 8, firstMs: second, factor: 2, maxMs: minute },
  /** One call. It only has to say that it has taken the request: the work itself is answered through the callback. */
  callMs: 20 * second,
  /** Of its answer, which nobody reads. */
  answerBytes: 64 * KiB,
  /** None: a request holds a capability, which only who stands in the policy is to have. */
  redirects: 0,
} as const;

/** What the outside world may send to an address that it was given. */
export const callbackLimits = {
  /** An answer is journaled, so it is kept far below a source: all 200 diagnostics in sentences, or a hundred artifacts. */
  bodyBytes: 512 * KiB,
  /** One blob: twice the largest file of a source, since modules are bundled with what they import. It is held in memory once. */
  blobBytes: 2 * sourceLimits.fileBytes,
  /** A manifest: what registries have agreed to take (OCI distribution-spec 1.1, "Pushing Manifests"). It is parsed in one piece. */
  manifestBytes: 4 * MiB,
  /** All blobs that one release brings, over all attempts: twice what its source may have, and again for its overlays. */
  releaseBytes: 4 * sourceLimits.totalBytes,
  /** Twice the files of a source, and their manifests. */
  releaseBlobs: 2 * sourceLimits.files + 1_000,
  /** Files of a source that are held at once while it is being sent; a larger file is held alone. */
  sourceBatchBytes: MiB,
} as const;

/** The operator's list of Celery tasks that tenants may send. */
export const celeryGrantLimits = {
  /** It is an environment variable, and is searched at each request to compile. */
  grants: 1_000,
} as const;
