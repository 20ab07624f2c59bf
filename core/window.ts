import { z } from 'zod';
import { Temporal } from 'temporal-polyfill';

/** An IANA time zone, such as `Europe/Oslo`. */
export const TimeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, 'must be an IANA time zone, such as "Europe/Oslo"');

/** `Fri 16:00 - Mon 07:00` each week, or `2026-12-23T12:00 - 2027-01-02T08:00` once; local time of the window's zone. */
export const FreezeWindow = z.string().max(64);

function isTimeZone(name: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}

/** When the pointer may next move: `now` itself outside of every freeze, or the end of the freezes that cover it. Null for never within the bound. */
export function opensAt(
  window: { readonly timezone: string; readonly freeze: readonly string[] },
  nowMs: number,
): number | null {
  throw new Error(`not here yet: ${window.timezone} ${nowMs}`);
}
