import { type HooksProvider, TerminalError } from '@restatedev/restate-sdk';

import { REFUSED } from './store-unavailable.ts';

/**
 * Whether an error is a defect of the code. The same input causes the same error again, so a retry is
 * useless. Restate's own errors (a suspension, a journal mismatch, a lost connection) have other classes.
 */
export function isDefect(error: unknown): error is TypeError | RangeError | ReferenceError {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/**
 * Ends an invocation at its first defect. Retries would hold the key of an object for ten minutes, and a
 * release's position in its queue for a day. Only the handler's own errors reach this hook. A step retries the
 * errors of its closure within its own limits, because a `TypeError` there may be a failed connection.
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
 * Includes the code location, because the worker's log shows only the message. The API does not return it to
 * its callers.
 */
function toTerminalError({ name, message, stack = '' }: Error): TerminalError {
  const place = /\n +(at .*)/.exec(stack)?.[1] ?? '';
  return new TerminalError(`defect: ${name}: ${message} ${place}`.trimEnd(), { errorCode: REFUSED });
}
