import { type HooksProvider, TerminalError } from '@restatedev/restate-sdk';

import { REFUSED } from './store-unavailable.ts';

/**
 * Returns whether an error was caused by a defect in the code. A retry with the same input would fail again.
 * Restate's own errors (a suspension, a journal mismatch, a lost connection) have other classes.
 */
export function isDefect(error: unknown): error is TypeError | RangeError | ReferenceError {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/**
 * A hook that ends an invocation at its first defect. Without it, retries would hold an object's key for ten
 * minutes, or block a release's queue for a day.
 *
 * The hook receives only errors that the handler itself throws. Errors inside a `ctx.run` closure are retried
 * within the limits of that step, because a `TypeError` there may be a failed connection.
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
 * Converts a defect to a terminal error. The message includes the location in the code, because the worker's
 * log shows only the message of a terminal error. The API does not return this message to its callers.
 */
function toTerminalError({ name, message, stack = '' }: Error): TerminalError {
  const place = /\n +(at .*)/.exec(stack)?.[1] ?? '';
  return new TerminalError(`defect: ${name}: ${message} ${place}`.trimEnd(), { errorCode: REFUSED });
}
