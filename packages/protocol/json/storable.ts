import { z } from 'zod';

/**
 * What PostgreSQL can store. Check every value from outside against this first: a value that PostgreSQL refuses would cause a 500, and
 * every durable step would retry it.
 */

/** PostgreSQL stores neither NUL nor lone surrogates, in a text or inside a JSON document. */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Whether every text and key of a JSON document can be stored. */
export function isStorableJson(json: unknown): boolean {
  if (typeof json === 'string') return isStorableText(json);
  if (typeof json !== 'object' || json === null) return true;
  return Object.entries(json).every(([key, value]) => isStorableText(key) && isStorableJson(value));
}

/** Refuses text that {@link isStorableText} refuses. The caller checks length and format. */
export const StorableText = z.string().refine(isStorableText, 'must be valid Unicode without NUL');

/**
 * A URL that is called, stored or shown. Refuses characters that the URL parser would drop or escape, because the text is stored as
 * written.
 */
export function httpUrl(maxChars: number) {
  return z
    .url({ protocol: /^https?$/ })
    .max(maxChars)
    .refine(
      (url) => /^[^\s\p{Cc}\p{Cs}]*$/u.test(url),
      'must be a URL without spaces, control characters or lone surrogates',
    );
}

/** PostgreSQL cannot store the year 0000, which ISO 8601 has. An offset can also shift the year 9999 to the next one. */
export function isStorableYear(time: string): boolean {
  return /^[1-9]\d{3}-/.test(time) && !time.startsWith('9999-');
}

/** A point in time in a cursor, as the record returned it. */
export const StoredTime = z.iso.datetime().refine(isStorableYear, 'must be in the years 1000 to 9998');
