import { z } from 'zod';

/**
 * Functions that check whether PostgreSQL can store a value. Every untrusted value must be checked before it
 * is stored. PostgreSQL rejects some values, and such an error would become a response of 500, or be retried
 * by a durable step without success.
 */

/**
 * Returns whether PostgreSQL can store the text. PostgreSQL rejects NUL and lone surrogates, even inside of a
 * JSON document.
 */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Returns whether PostgreSQL can store every string and every key of a JSON document. */
export function isStorableJson(json: unknown): boolean {
  if (typeof json === 'string') return isStorableText(json);
  if (typeof json !== 'object' || json === null) return true;
  return Object.entries(json).every(([key, value]) => isStorableText(key) && isStorableJson(value));
}

/** A schema for text that PostgreSQL can store. It does not limit the length, so the caller must. */
export const StorableText = z.string().refine(isStorableText, 'must be valid Unicode without NUL');

/**
 * Creates a schema for an HTTP URL. It rejects characters that a URL parser would remove or escape, because
 * Pointsman stores and shows the text of the URL unchanged.
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

/**
 * Returns whether PostgreSQL can store the year of the time. PostgreSQL rejects the year 0000, which is valid
 * in ISO 8601. The year 9999 is rejected because the UTC offset could shift the time into the year 10000.
 */
export function isStorableYear(time: string): boolean {
  return /^[1-9]\d{3}-/.test(time) && !time.startsWith('9999-');
}

/** A time in a cursor. It must have the format in which the database has returned it. */
export const StoredTime = z.iso.datetime().refine(isStorableYear, 'must be in the years 1000 to 9998');
