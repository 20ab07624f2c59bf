import { CancelledError, TerminalError } from '@restatedev/restate-sdk';

/**
 * Error code for callers of the tenant's object: the store did not respond within the time that the key may
 * be held.
 */
export const STORE_UNAVAILABLE = 503;

/**
 * Error code for a permanent failure: a constraint of the store, or a defect of the code (see defects.ts). A
 * retry fails again.
 */
export const REFUSED = 501;

/** Whether a durable step has used up its retries. Its outcome is unknown. */
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
