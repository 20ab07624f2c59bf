import { z } from 'zod';

/**
 * A number of the PostgreSQL type bigint, which the driver returns as a string. A number above 2^53 − 1 is rejected,
 * because a double can't represent it exactly. All numbers in this schema are far smaller.
 */
export const Big = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A time, converted to the ISO 8601 text that the API returns. */
export const Iso = z.date().transform((time) => time.toISOString());

/** Parses the result of a statement that always returns exactly one row. */
export function oneRow<T>(schema: z.ZodType<T>, rows: readonly unknown[]): T {
  if (rows.length !== 1) throw new Error(`expected one row, got ${rows.length}`);
  return schema.parse(rows[0]);
}

export function allRows<T>(schema: z.ZodType<T>, rows: readonly unknown[]): T[] {
  return rows.map((row) => schema.parse(row));
}

/**
 * Parses the result of a database function that returns one JSON document, in the column `answer`. The row is taken
 * apart without a schema of its own, because making a schema for each call takes longer than the parsing.
 */
export function answerOf<T>(schema: z.ZodType<T>, rows: readonly unknown[]): T {
  const [row] = rows;
  if (rows.length !== 1 || typeof row !== 'object' || row === null || !('answer' in row))
    throw new Error(`expected one row with an answer, got ${rows.length}`);
  return oneRow(schema, [row.answer]);
}

/** Serializes a value as a parameter of the type jsonb. Makes each text in it {@link storable}. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? storable(part) : part));
}

/**
 * Replaces the characters of a text that PostgreSQL can't store: NUL and unpaired surrogates. A diagnostic may quote
 * them from an invalid file. Without the replacement, every attempt to store the diagnostic would fail.
 */
export function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}

/** Converts a time in epoch milliseconds to a parameter of the type timestamptz. */
export function at(epochMs: number): Date {
  return new Date(epochMs);
}
