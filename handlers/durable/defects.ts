import { type HooksProvider, TerminalError } from '@restatedev/restate-sdk';

import { REFUSED } from './store-unavailable.ts';

/**
 * Whether an error is a defect of the code: the same input gives the same error again, so a retry changes nothing. Restate's own
 * errors (a suspension, a journal that does not match, a lost connection) are of other classes.
 */
export function isDefect(error: unknown): error is TypeError | RangeError | ReferenceError {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/**
 * Ends an invocation at its first defect. Retries would hold the key of an object for ten minutes, and a release's place in its line
 * for a day. Only errors of the handler itself arrive here: a step retries what its closure throws, within its own bounds, where a
 * `TypeError` may also be a failed connection.
 */
export const endOnDefect: HooksProvider = () => ({
  interceptor: {
    handler: async (next) => {
      try {
        await next();
      } catch (error) {
        throw isDefect(error) ? terminal(error) : error;
      }
    },
  },
});

/** With its place, since the worker's log shows the message alone. Callers of the API get none of it. */
function terminal({ name, message, stack = '' }: Error): TerminalError {
  const place = /\n +(at .*)/.exec(stack)?.[1] ?? '';
  return new TerminalError(`defect: ${name}: ${message} ${place}`.trimEnd(), { errorCode: REFUSED });
}
