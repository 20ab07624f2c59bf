import type { ObjectContext, ObjectSharedContext, Serde } from '@restatedev/restate-sdk';
import type { z } from 'zod';

import { parseJson } from '@pointsman/protocol/json/parse-json';

/**
 * The result of reading a state value that does not match its schema. Perhaps an older version wrote it, or
 * an operator edited it by hand.
 */
export const UNREADABLE = Symbol('unreadable state');
type Unreadable = typeof UNREADABLE;

/**
 * Creates a serde that stores a value as JSON, which an operator can read and edit, and validates it on every
 * read. An invalid value is returned as UNREADABLE. If the serde threw instead, every handler that reads the
 * state would fail, and the object's key would be blocked permanently.
 */
export function storedAs<T>(schema: z.ZodType<T>): Serde<T | Unreadable> {
  return {
    contentType: 'application/json',
    serialize: (value) => {
      if (value === UNREADABLE) throw new TypeError('unreadable state is never written');
      return new TextEncoder().encode(JSON.stringify(schema.encode(value)));
    },
    deserialize: (bytes) => {
      const json = parseJson(new TextDecoder().decode(bytes));
      if (json.kind === 'not_json') return UNREADABLE;
      const parsed = schema.safeDecode(json.value);
      return parsed.success ? parsed.data : UNREADABLE;
    },
  };
}

/**
 * Reads a state value that only caches data of the database. Returns null if the value is missing or
 * unreadable; the caller then uses the database.
 */
export async function readShortcut<T>(
  ctx: ObjectContext | ObjectSharedContext,
  key: string,
  schema: z.ZodType<T>,
): Promise<T | null> {
  const value = await ctx.get<T | Unreadable>(key, storedAs(schema));
  return value === UNREADABLE ? null : value;
}
