import { deferred } from '@pointsman/protocol/calls/deferred';
import { setTimeout as delay } from 'node:timers/promises';

import { type Backoff, type BoundedBackoff, retryWaitMs } from '@pointsman/protocol/calls/backoff';
import type { FollowFailure } from './failure.ts';
import { followLimits } from './limits.ts';

/**
 * Returns the wait after the given number of consecutive failures. It is at least the server's Retry-After,
 * and longer if a retry is unlikely to succeed.
 */
export function afterFailureMs(
  failures: number,
  { kind, retryAfterMs }: FollowFailure,
  backoff: Backoff,
): number {
  const ms = retryWaitMs({ attempt: failures, random01: Math.random(), retryAfterMs }, backoff);
  return kind === 'refused' ? Math.max(ms, jittered(followLimits.refusedMs)) : ms;
}

/** Returns the same wait as {@link afterFailureMs}, or null after the last attempt. */
export function nextTryMs(failures: number, failure: FollowFailure, backoff: BoundedBackoff): number | null {
  return failures >= backoff.attempts ? null : afterFailureMs(failures, failure, backoff);
}

/**
 * Returns a random time between three quarters of `ms` and `ms`, so that clients that started together spread
 * out.
 */
export function jittered(ms: number): number {
  return ms * (1 - Math.random() / 4);
}

/** Waits for the time, or until the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}

/** Resolves with the promise, or when the signal aborts. */
export async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise: aborted, resolve } = deferred<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort);
  await Promise.race([promise, aborted]);
  signal.removeEventListener('abort', onAbort);
}

/** Reads `aborted` through a function, because TypeScript would keep a narrowed value across an await. */
export function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
