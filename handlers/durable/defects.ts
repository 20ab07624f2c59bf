import { type HooksProvider, TerminalError } from '@restatedev/restate-sdk';

import { REFUSED } from './store-unavailable.ts';

/**
 * Returns whether an error shows a defect in the code. The same input would cause the same error again, so a
 * retry is useless. Restate's own errors (a suspension, a journal mismatch, a lost connection) have other
 * classes.
 */
export function isDefect(error: unknown): error is TypeError | RangeError | ReferenceError {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/**
 * Ends an invocation at its first defect. Retries would hold an object's key for ten minutes, or a release's
 * position in the queue for a day. This hook only receives errors of the handler itself. A step retries the
 * errors of its closure within its own limits, because a `TypeError` in a closure may be a failed connection.
 */
export const endOnDefect: HooksProvider = () => ({
  interceptor: {
    handler: async (next) => {
      try {
        await next();
      } catch (error) {
        throw isDefect(error) ? toTerminalError(error) : error;
      }
    },
  },
});

/**
 * Converts a defect to a terminal error. The message includes the code location, because the worker's log
 * shows only the message. The API does not return this message to its callers.
 */
function toTerminalError({ name, message, stack = '' }: Error): TerminalError {
  const place = /\n +(at .*)/.exec(stack)?.[1] ?? '';
  return new TerminalError(`defect: ${name}: ${message} ${place}`.trimEnd(), { errorCode: REFUSED });
}
