import { z } from 'zod';

/**
 * Returns a copy of a response schema that keeps unknown fields of objects, at every depth. A newer API may
 * send additional fields. All other checks of the schema stay the same.
 */
export function lenient<S extends z.core.$ZodType>(schema: S): S;
export function lenient(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries<z.core.$ZodType>(schema.shape);
    return z.looseObject(Object.fromEntries(fields.map(([name, field]) => [name, lenient(field)])));
  }
  if (schema instanceof z.ZodArray) return z.array(lenient(schema.element));
  if (schema instanceof z.ZodNullable) return z.nullable(lenient(schema.unwrap()));
  if (schema instanceof z.ZodOptional) return z.optional(lenient(schema.unwrap()));
  return schema;
}
