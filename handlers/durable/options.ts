import { type ObjectOptions, TerminalError, type WorkflowOptions } from '@restatedev/restate-sdk';

import { PointsmanError } from '@pointsman/protocol/errors';
import { invocationLimits } from '../../core/limits/limits.ts';
import { endOnDefect } from './defects.ts';
import { REFUSED } from './store-unavailable.ts';

/**
 * Options of a tenant's object. Its steps have their own, bounded retries. A defect of the code ends the call
 * immediately. An unreachable worker is retried for about ten minutes; then the key is free for the tenant's next
 * call.
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
 * Options of a release. No call queues behind its key, so Restate pauses an invocation that keeps failing. An
 * operator can then inspect, fix and resume it. A defect ends the invocation instead: a paused release would
 * keep its position in the channel's queue, and the sweep settles releases that have ended.
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
 * Options of the handlers that receive decisions and callbacks while a release waits. The caller waits for
 * the response, and retries when none arrives.
 */
export const sharedHandlerOptions = {
  retryPolicy: { ...invocationLimits.objectRetries, onMaxAttempts: 'kill' },
} as const;

/**
 * Maps errors that a retry can't fix to terminal errors: a PointsmanError means that the same call would fail
 * again. Every other error is retried.
 */
function asTerminalError(error: unknown): TerminalError | undefined {
  if (!(error instanceof PointsmanError) || error.code === 'unavailable') return undefined;
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return new TerminalError(`${error.message}${cause}`, { errorCode: REFUSED });
}
