import { z } from 'zod';

/** PostgreSQL's bigint, which the driver gives as a string. Ours stay far below 2^53, and are refused beyond. */
export const Big = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A point in time as the API shows it. */
export const Iso = z.date().transform((time) => time.toISOString());

/** The one row that a statement always gives, parsed. */
export function oneRow<T>(schema: z.ZodType<T>, rows: readonly unknown[]): T {
  if (rows.length !== 1) throw new Error(`expected one row, got ${rows.length}`);
  return schema.parse(rows[0]);
}

export function allRows<T>(schema: z.ZodType<T>, rows: readonly unknown[]): T[] {
  return rows.map((row) => schema.parse(row));
}

/** The answer of a function that returns one JSON document. */
export function answerOf<T>(schema: z.ZodType<T>, rows: readonly unknown[]): T {
  return oneRow(z.object({ answer: schema }), rows).answer;
}

/** A document as a parameter of type jsonb, with every text in it as {@link storable} leaves it. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? storable(part) : part));
}

/**
 * Free text as PostgreSQL can keep it: it takes neither NUL nor half a surrogate pair, and a diagnostic may quote either from a broken
 * file. Without this, recording the problem would fail each time it is tried.
 */
export function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}

/** A caller's clock, as a parameter of type timestamptz. */
export function at(epochMs: number): Date {
  return new Date(epochMs);
}
