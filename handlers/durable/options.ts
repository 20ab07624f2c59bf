import { type ObjectOptions, TerminalError, type WorkflowOptions } from '@restatedev/restate-sdk';

import { PointsmanError } from '../../core/errors.ts';
import { invocationLimits } from '../../core/limits/limits.ts';
import { endOnDefect } from './defects.ts';
import { REFUSED } from './store-unavailable.ts';

/**
 * For a tenant's object. Its steps have their own, bounded retries. A defect of the code ends the call at once, and a worker that is
 * away is tried again for about ten minutes; then the key is free for the tenant's next call.
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
 * For a release. Nobody waits for it behind a key, so what keeps failing is paused for an operator to look at, fix and resume. A defect
 * ends it: paused, it would keep its place in the line of its channel, and the sweep settles what has ended.
 */
export const workflowOptions: WorkflowOptions = {
  asTerminalError,
  hooks: [endOnDefect],
  retryPolicy: { ...invocationLimits.workflowRetries, onMaxAttempts: 'pause' },
  abortTimeout: invocationLimits.abortMs,
  journalRetention: invocationLimits.retentionMs,
  workflowRetention: invocationLimits.retentionMs,
};

/** For the words that a release hears while it waits. Somebody waits for the answer, and says it again if there is none. */
export const sharedHandlerOptions = {
  retryPolicy: { ...invocationLimits.objectRetries, onMaxAttempts: 'kill' },
} as const;

/** The one place that says what is not worth a retry: our own error for "this would be refused again". All else is tried again. */
function asTerminalError(error: unknown): TerminalError | undefined {
  if (!(error instanceof PointsmanError) || error.code === 'unavailable') return undefined;
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return new TerminalError(`${error.message}${cause}`, { errorCode: REFUSED });
}
