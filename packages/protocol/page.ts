import { z } from 'zod';

/** One page of a list with these rows. */
export function pageOf<T extends z.ZodType>(row: T) {
  return z.object({
    items: z.array(row),
    next: z.string().nullable().meta({ description: 'The cursor of the next page; null on the last one.' }),
  });
}
