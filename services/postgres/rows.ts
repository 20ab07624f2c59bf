import { z } from 'zod';

/** PostgreSQL's bigint, which the driver returns as a string. Values in this schema stay far below 2^53; larger values are rejected. */
export const Big = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A time as the API shows it. */
export const Iso = z.date().transform((time) => time.toISOString());

/** Parses the single row that a statement always returns. */
export function oneRow<T>(schema: z.ZodType<T>, rows: readonly unknown[]): T {
  if (rows.length !== 1) throw new Error(`expected one row, got ${rows.length}`);
  return schema.parse(rows[0]);
}

export function allRows<T>(schema: z.ZodType<T>, rows: readonly unknown[]): T[] {
  return rows.map((row) => schema.parse(row));
}

/** Parses the result of a function that returns one JSON document. */
export function answerOf<T>(schema: z.ZodType<T>, rows: readonly unknown[]): T {
  return oneRow(z.object({ answer: schema }), rows).answer;
}

/** Serializes a document as a parameter of type jsonb. Makes every text in it {@link storable}. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? storable(part) : part));
}

/**
 * Makes a text storable. PostgreSQL accepts neither NUL nor an unpaired surrogate, and a diagnostic may quote either from a broken file.
 * Without this, every attempt to record that diagnostic would fail.
 */
export function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}

/** A time in epoch milliseconds as a parameter of type timestamptz. */
export function at(epochMs: number): Date {
  return new Date(epochMs);
}
