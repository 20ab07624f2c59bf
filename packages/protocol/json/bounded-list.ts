import { z } from 'zod';

import { firstIssues } from './schema-issues.ts';

/**
 * Creates a schema for a list from an untrusted source. It checks the length before the elements, and it
 * stops at the first invalid element. A `z.array` would check all elements even if the list is too long, and
 * it would collect an issue for each invalid one.
 */
export function boundedList<T>(element: z.ZodType<T>, most: number) {
  return z
    .array(z.unknown())
    .max(most)
    .transform((items, context): T[] => {
      const read: T[] = [];
      for (const [index, item] of items.entries()) {
        const parsed = element.safeParse(item);
        if (!parsed.success) {
          const [issue] = firstIssues(parsed, 1);
          context.addIssue({
            code: 'custom',
            path: [index, ...(issue?.path ?? [])],
            message: issue?.message ?? 'it is invalid',
          });
          return z.NEVER;
        }
        read.push(parsed.data);
      }
      return read;
    });
}
