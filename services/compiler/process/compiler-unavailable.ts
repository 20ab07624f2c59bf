import { PointsmanError } from '@pointsman/protocol/errors';

/** Returns the error for a compilation that failed for a reason other than its source. Another attempt may succeed. */
export function compilerUnavailable(cause: Error): PointsmanError {
  return new PointsmanError('unavailable', 'The source could not be compiled now. Send the request again.', {
    cause,
  });
}
