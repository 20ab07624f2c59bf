import { type ObjectOptions, TerminalError, type WorkflowOptions } from '@restatedev/restate-sdk';

import { PointsmanError } from '@pointsman/protocol/errors';
import { invocationLimits } from '../../core/limits/limits.ts';
import { endOnDefect } from './defects.ts';
import { REFUSED } from './store-unavailable.ts';

/**
 * Options of a tenant's object. Its steps have their own, bounded retries. A defect in the code ends the call
 * immediately. If the worker is unreachable, Restate retries the call for about ten minutes. Then the key is
 * free for the tenant's next call.
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
 * Options of a release. No other call waits for its key, so Restate pauses an invocation that keeps failing,
 * and an operator can fix the cause and resume it. A defect in the code ends the invocation instead, because
 * a paused release would block its channel's queue. The sweep settles releases whose invocation has ended.
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
 * the response, and retries if it does not arrive.
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
