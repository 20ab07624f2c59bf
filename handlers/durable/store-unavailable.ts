import { CancelledError, TerminalError } from '@restatedev/restate-sdk';

/**
 * The error code that the tenant's object returns when the database did not respond within the time for which
 * the key may be held.
 */
export const STORE_UNAVAILABLE = 503;

/**
 * The error code for a permanent failure, which a retry does not fix: a violated constraint of the database,
 * or a defect in the code (see defects.ts).
 */
export const REFUSED = 501;

/**
 * Returns whether the error means that a durable step has exhausted its retries. The outcome of that step is
 * unknown.
 */
export function retriesExhausted(error: unknown): error is TerminalError {
  return error instanceof TerminalError && !(error instanceof CancelledError);
}

/**
 * Runs a step of the tenant's object. Maps exhausted retries to the error that the API reports as "retry
 * later".
 */
export async function asStoreUnavailable<T>(step: PromiseLike<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (!retriesExhausted(error) || error.code === REFUSED) throw error;
    throw new TerminalError('the store did not respond in time', { errorCode: STORE_UNAVAILABLE });
  }
}
