import { type ObjectOptions, TerminalError, type WorkflowOptions } from '@restatedev/restate-sdk';

import { PointsmanError } from '@pointsman/protocol/errors';
import { invocationLimits } from '../../core/limits/limits.ts';
import { endOnDefect } from './defects.ts';
import { REFUSED } from './store-unavailable.ts';

/**
 * Options of the tenant's object and of the other virtual objects. The steps have their own, bounded retries.
 * A defect in the code ends the call immediately. If the worker is unreachable, Restate retries the call for
 * about ten minutes. Then it kills the call, so that the key is free for the next one.
 */
export const objectOptions: ObjectOptions = {
  asTerminalError,
  hooks: [endOnDefect],
  enableLazyState: true,
  retryPolicy: { ...invocationLimits.objectRetries, onMaxAttempts: 'kill' },
  journalRetention: invocationLimits.retentionMs,
  idempotencyRetention: invocationLimits.retentionMs,
};

/**
 * Options of the workflows. No other call waits for a workflow's key. Restate therefore pauses an invocation
 * that keeps failing, and an operator can fix the cause and resume it.
 *
 * A defect in the code ends the invocation instead, because a paused release would block its channel's queue.
 * The worker's periodic sweep settles a release whose invocation has ended.
 */
export const workflowOptions: WorkflowOptions = {
  asTerminalError,
  hooks: [endOnDefect],
  retryPolicy: { ...invocationLimits.workflowRetries, onMaxAttempts: 'pause' },
  abortTimeout: invocationLimits.abortMs,
  journalRetention: invocationLimits.retentionMs,
  workflowRetention: invocationLimits.retentionMs,
};

/**
 * Options of the handlers that record decisions and callbacks while a release waits. After the last retry
 * Restate kills the call. That is safe, because the caller repeats its request if no response arrives.
 */
export const sharedHandlerOptions = {
  retryPolicy: { ...invocationLimits.objectRetries, onMaxAttempts: 'kill' },
} as const;

/**
 * Converts an error to a terminal error if a retry would fail in the same way. That is true of every
 * PointsmanError except `unavailable`. Returns undefined for all other errors, which Restate then retries.
 */
function asTerminalError(error: unknown): TerminalError | undefined {
  if (!(error instanceof PointsmanError) || error.code === 'unavailable') return undefined;
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return new TerminalError(`${error.message}${cause}`, { errorCode: REFUSED });
}
