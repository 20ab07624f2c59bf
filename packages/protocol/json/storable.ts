import { z } from 'zod';

/**
 * Checks whether PostgreSQL can store a value. Check every untrusted value first: a value that PostgreSQL
 * rejects would cause a response of 500, and durable steps would retry it.
 */

/**
 * Returns whether PostgreSQL can store the text. It rejects NUL and lone surrogates, even inside a JSON
 * document.
 */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Returns whether PostgreSQL can store every string and key of a JSON document. */
export function isStorableJson(json: unknown): boolean {
  if (typeof json === 'string') return isStorableText(json);
  if (typeof json !== 'object' || json === null) return true;
  return Object.entries(json).every(([key, value]) => isStorableText(key) && isStorableJson(value));
}

/** A schema for text that PostgreSQL can store. The caller must also check length and format. */
export const StorableText = z.string().refine(isStorableText, 'must be valid Unicode without NUL');

/**
 * A schema for an HTTP URL. It rejects characters that the URL parser would drop or escape, because Pointsman
 * stores and shows the text as written.
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
 * Returns whether PostgreSQL can store the year. It rejects the year 0000, which is valid in ISO 8601. A UTC
 * offset could also shift a time in 9999 into the year 10000.
 */
export function isStorableYear(time: string): boolean {
  return /^[1-9]\d{3}-/.test(time) && !time.startsWith('9999-');
}

/** A time in a cursor, in the format that the database returned. */
export const StoredTime = z.iso.datetime().refine(isStorableYear, 'must be in the years 1000 to 9998');
