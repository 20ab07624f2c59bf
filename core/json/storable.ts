import { z } from 'zod';

/**
 * What PostgreSQL can store. Everything from outside that reaches it is checked against this first: a value that it refuses would be
 * answered with a 500, and tried again by every durable step.
 */

/** It stores neither NUL nor half a surrogate pair, in a text or inside of a JSON document. */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Whether every text of a JSON document, and every key, can be stored. */
export function isStorableJson(json: unknown): boolean {
  if (typeof json === 'string') return isStorableText(json);
  if (typeof json !== 'object' || json === null) return true;
  return Object.entries(json).every(([key, value]) => isStorableText(key) && isStorableJson(value));
}

/** Text of any other kind than {@link isStorableText} is refused. Lengths and forms are the caller's. */
export const StorableText = z.string().refine(isStorableText, 'must be valid Unicode without NUL');

/** An address that is called, kept or shown. The URL parser drops or escapes what this refuses, and the text would be kept as it is. */
export function httpUrl(maxChars: number) {
  return z
    .url({ protocol: /^https?$/ })
    .max(maxChars)
    .refine(
      (url) => /^[^\s\p{Cc}\p{Cs}]*$/u.test(url),
      'must be a URL without spaces, control characters or half characters',
    );
}

/** It stores no year 0000, which ISO 8601 has; an offset leads from the year 9999 to the next. */
export function isStorableYear(time: string): boolean {
  return /^[1-9]\d{3}-/.test(time) && !time.startsWith('9999-');
}

/** A point in time as a cursor carries it: one that the record gave out. */
export const StoredTime = z.iso.datetime().refine(isStorableYear, 'must be a time of the years 1000 to 9998');
