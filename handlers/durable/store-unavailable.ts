import { CancelledError, TerminalError } from '@restatedev/restate-sdk';

/**
 * The code of the TerminalError that a handler throws when the database does not respond in time. The time is
 * limited, because the handler holds its object's key while it waits.
 */
export const STORE_UNAVAILABLE = 503;

/**
 * The code of a TerminalError for a permanent failure: a violated constraint of the database, or a defect in
 * the code (see defects.ts). A retry would fail again.
 */
export const REFUSED = 501;

/**
 * Returns whether the error means that a durable step has exhausted its retries. It is then unknown whether
 * the step took effect.
 */
export function retriesExhausted(error: unknown): error is TerminalError {
  return error instanceof TerminalError && !(error instanceof CancelledError);
}

/**
 * Runs a durable step. If its retries are exhausted, throws a TerminalError with {@link STORE_UNAVAILABLE},
 * which the API reports as 503 with Retry-After.
 */
export async function asStoreUnavailable<T>(step: PromiseLike<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (!retriesExhausted(error) || error.code === REFUSED) throw error;
    throw new TerminalError('the store did not respond in time', { errorCode: STORE_UNAVAILABLE });
  }
}
