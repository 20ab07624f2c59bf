import { setTimeout as delay } from 'node:timers/promises';

import { type Backoff, type BoundedBackoff, retryWaitMs } from '../../core/backoff.ts';
import type { FollowFailure } from './failure.ts';
import { followLimits } from './limits.ts';

/** How long to wait after that many failures in a row: no less than the other side asked for, and longer where asking is of no use. */
export function afterFailureMs(
  failures: number,
  { kind, retryAfterMs }: FollowFailure,
  backoff: Backoff,
): number {
  const ms = retryWaitMs({ attempt: failures, random01: Math.random(), retryAfterMs }, backoff);
  return kind === 'refused' ? Math.max(ms, jittered(followLimits.refusedMs)) : ms;
}

/** The same with an end: null after the last. */
export function nextTryMs(failures: number, failure: FollowFailure, backoff: BoundedBackoff): number | null {
  return failures >= backoff.attempts ? null : afterFailureMs(failures, failure, backoff);
}

/** Between three quarters and the whole of it, so that those who began together do not stay together. */
export function jittered(ms: number): number {
  return ms * (1 - Math.random() / 4);
}

/** Waits, at most until the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}

/** Resolves with it, and at the latest when the signal aborts. */
export async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort);
  await Promise.race([promise, aborted]);
  signal.removeEventListener('abort', onAbort);
}

/** The same as asking it; but what the compiler knew of the answer before a wait is not true after it. */
export function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
