import { CancelledError, TerminalError } from '@restatedev/restate-sdk';

/** What a caller of the tenant's object is told when the store did not answer in the time that the key may be held. */
export const STORE_UNAVAILABLE = 503;

/** What would fail again: a guard of the store that holds, or a defect of the code (see defects.ts). Waiting changes nothing. */
export const REFUSED = 501;

/** Whether a durable step gave up: its retries are used up, and nothing is known of what it did. */
export function retriesExhausted(error: unknown): error is TerminalError {
  return error instanceof TerminalError && !(error instanceof CancelledError);
}

/** Runs a step of the tenant's object, turning used-up retries into the error that the API knows as "come back later". */
export async function asStoreUnavailable<T>(step: PromiseLike<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (!retriesExhausted(error) || error.code === REFUSED) throw error;
    throw new TerminalError('the store did not answer in time', { errorCode: STORE_UNAVAILABLE });
  }
}
