/**
 * Parses a Retry-After header. Returns the delay in milliseconds, but at most `maxMs`. Returns null if the
 * header is missing or invalid.
 *
 * The header contains a number of seconds or a date. A recipient must accept three formats of the date (RFC
 * 9110, sections 5.6.7 and 10.2.3). A date in the past means no delay.
 */
export function retryAfterMs(
  header: string | readonly string[] | undefined,
  { nowMs, maxMs }: { nowMs: number; maxMs: number },
): number | null {
  const value = (typeof header === 'string' ? header : header?.[0])?.trim() ?? '';
  const askedMs = /^[0-9]+$/.test(value) ? Number(value) * 1_000 : dateMs(value) - nowMs;
  return Number.isNaN(askedMs) ? null : Math.min(maxMs, Math.max(0, askedMs));
}

function dateMs(value: string): number {
  if (IMF_FIXDATE.test(value) || RFC_850.test(value)) return Date.parse(value);
  // A date in the format of asctime has no time zone. It is in UTC.
  return ASCTIME.test(value) ? Date.parse(`${value} GMT`) : Number.NaN;
}

/** The date format that RFC 9110 prefers, for example `Sun, 06 Nov 1994 08:49:37 GMT`. */
const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
/** The obsolete date format of RFC 850, for example `Sunday, 06-Nov-94 08:49:37 GMT`. */
const RFC_850 = /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/;
/** The obsolete date format of C's asctime(), for example `Sun Nov 6 08:49:37 1994`. */
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;
