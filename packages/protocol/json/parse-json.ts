import type { z } from 'zod';

export type ParsedJson =
  | { readonly kind: 'json'; readonly value: unknown }
  /**
   * The text is not JSON. This is a separate variant and not a special value, because a schema could accept
   * any value.
   */
  | { readonly kind: 'not_json' };

/**
 * Parses text that may not be JSON. There are no limits here, so the caller must limit the length of the
 * text. For untrusted text of more than a few hundred bytes, use {@link parseBoundedJson}, or a schema for
 * one object with a fixed set of fields.
 */
export function parseJson(text: string): ParsedJson {
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return { kind: 'not_json' };
  }
}

/**
 * Returns the parsed value if the text is JSON and matches the schema. Otherwise returns null, even if the
 * schema has a default value.
 */
export function parseJsonAs<T>(schema: z.ZodType<T>, text: string): T | null {
  const json = parseJson(text);
  if (json.kind === 'not_json') return null;
  const parsed = schema.safeParse(json.value);
  return parsed.success ? parsed.data : null;
}
