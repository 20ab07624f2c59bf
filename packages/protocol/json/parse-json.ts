import type { z } from 'zod';

export type ParsedJson =
  | { readonly kind: 'json'; readonly value: unknown }
  /** Invalid JSON has its own variant instead of a placeholder value, because a schema could accept any placeholder. */
  | { readonly kind: 'not_json' };

/**
 * Parses text that may not be JSON. There are no limits, so the caller must limit the length of the text. For
 * untrusted text of more than a few hundred bytes, use {@link parseBoundedJson} or a schema that accepts one
 * object of known size.
 */
export function parseJson(text: string): ParsedJson {
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return { kind: 'not_json' };
  }
}

/**
 * Returns the parsed value if the text is JSON and matches the schema, otherwise null. Defaults of the schema
 * do not apply to invalid JSON.
 */
export function parseJsonAs<T>(schema: z.ZodType<T>, text: string): T | null {
  const json = parseJson(text);
  if (json.kind === 'not_json') return null;
  const parsed = schema.safeParse(json.value);
  return parsed.success ? parsed.data : null;
}
