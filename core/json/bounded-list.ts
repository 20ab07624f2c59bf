import { z } from 'zod';

import { firstIssues } from './schema-issues.ts';

/**
 * A list from outside: its length is checked before its elements are, and the first bad element ends the check. A `z.array` goes on to the
 * end even when it is too long, and keeps an issue for each bad element.
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
            message: issue?.message ?? 'it is wrong',
          });
          return z.NEVER;
        }
        read.push(parsed.data);
      }
      return read;
    });
}
