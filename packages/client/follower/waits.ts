import { deferred } from '@pointsman/protocol/calls/deferred';
import { setTimeout as delay } from 'node:timers/promises';

import { type Backoff, type BoundedBackoff, retryWaitMs } from '@pointsman/protocol/calls/backoff';
import type { FollowFailure } from './failure.ts';
import { followLimits } from './limits.ts';

/**
 * Returns how long to wait after the given number of consecutive failures, in milliseconds. The wait is at
 * least the server's Retry-After. It is longer if the API rejected the request, because a retry is then
 * unlikely to succeed.
 */
export function afterFailureMs(
  failures: number,
  { kind, retryAfterMs }: FollowFailure,
  backoff: Backoff,
): number {
  const ms = retryWaitMs({ attempt: failures, random01: Math.random(), retryAfterMs }, backoff);
  return kind === 'refused' ? Math.max(ms, jittered(followLimits.refusedMs)) : ms;
}

/** Returns the wait of {@link afterFailureMs}. Returns null if the failed attempt was the last one. */
export function nextTryMs(failures: number, failure: FollowFailure, backoff: BoundedBackoff): number | null {
  return failures >= backoff.attempts ? null : afterFailureMs(failures, failure, backoff);
}

/**
 * Returns a random time between 75 % and 100 % of `ms`. Clients that started at the same time therefore do
 * not stay in step.
 */
export function jittered(ms: number): number {
  return ms * (1 - Math.random() / 4);
}

/** Waits for `ms` milliseconds, or until the signal aborts. Never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}

/** Resolves when the promise resolves, or when the signal aborts. */
export async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise: aborted, resolve } = deferred<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort);
  await Promise.race([promise, aborted]);
  signal.removeEventListener('abort', onAbort);
}

/**
 * Returns whether the signal has aborted. A function is needed, because TypeScript would assume that a
 * property checked before an await has not changed.
 */
export function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
