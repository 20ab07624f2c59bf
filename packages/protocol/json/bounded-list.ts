import { z } from 'zod';

import { firstIssues } from './schema-issues.ts';

/**
 * A list from outside. Its length is checked before its elements, and the first bad element ends the check. A `z.array` would check all
 * elements even of a list that is too long, and keep an issue for each bad one.
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
