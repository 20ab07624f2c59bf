import type { ObjectContext, ObjectSharedContext, Serde } from '@restatedev/restate-sdk';
import type { z } from 'zod';

import { parseJson } from '@pointsman/protocol/json/parse-json';

/**
 * Replaces state that does not match its schema, because an older version wrote it or someone edited it by
 * hand.
 */
export const UNREADABLE = Symbol('unreadable state');
type Unreadable = typeof UNREADABLE;

/**
 * Stores a value as JSON that an operator can read and edit, and validates it on every read. An invalid value
 * returns UNREADABLE instead of throwing. An exception would fail every handler that reads the key, and block
 * the key permanently.
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

/** Reads state that is only a cache of the database. Returns null for unreadable state. */
export async function readShortcut<T>(
  ctx: ObjectContext | ObjectSharedContext,
  key: string,
  schema: z.ZodType<T>,
): Promise<T | null> {
  const value = await ctx.get<T | Unreadable>(key, storedAs(schema));
  return value === UNREADABLE ? null : value;
}
