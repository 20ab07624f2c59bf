import { Temporal } from 'temporal-polyfill';

/** Formats a point in time for responses and logs: ISO 8601 in UTC, with milliseconds. */
export function isoTime(epochMs: number): string {
  return Temporal.Instant.fromEpochMilliseconds(epochMs).toString({ fractionalSecondDigits: 3 });
}
