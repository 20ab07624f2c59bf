import { Temporal } from 'temporal-polyfill';

/** A point in time in words, as every answer and log line spells it: UTC, with milliseconds. */
export function isoTime(epochMs: number): string {
  return Temporal.Instant.fromEpochMilliseconds(epochMs).toString({ fractionalSecondDigits: 3 });
}
