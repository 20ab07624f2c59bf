import { z } from 'zod';

import { requestLimits } from '@pointsman/protocol/limits';
import { pageOf } from '@pointsman/protocol/page';
import { parseJson } from '@pointsman/protocol/json/parse-json';
import { isStorableJson } from '@pointsman/protocol/json/storable';
import { requestError } from '../responses/problem.ts';

/** One page of a list. `next` is the cursor of the next page, or null on the last page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Returns the schema of the query parameter `limit` of a list. */
export function limitParam(what: string) {
  return z
    .string()
    .regex(/^[1-9][0-9]{0,3}$/, `must be a whole number, 1 to ${requestLimits.pageSize}`)
    .transform(Number)
    .refine(
      (limit) => limit <= requestLimits.pageSize,
      `must be a whole number, 1 to ${requestLimits.pageSize}`,
    )
    .optional()
    .meta({
      description: `${what}, 1 to ${requestLimits.pageSize}. Default: ${requestLimits.defaultPageSize}.`,
      example: '100',
    });
}

/** The query parameters of every endpoint that returns a list. */
export const PageQuery = z.strictObject({
  limit: limitParam('The maximum number of rows per page'),
  cursor: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,512}$/, 'is not a valid cursor: use the "next" of the previous page')
    .optional()
    .meta({
      description: 'The `next` of the previous page. Opaque: its format may change.',
      example: 'WzE3XQ',
    }),
});

/** The schema of a page with these rows. `id` is the name of the schema in the OpenAPI document. */
export function namedPageOf<T extends z.ZodType>(row: T, id: string) {
  return pageOf(row).meta({ id, description: 'One page of a list.' });
}

/**
 * Reads one page of a list. Requests one row more than the page shows, to detect whether another page follows. `position.of` returns the
 * part of a row that the cursor of the next page contains. `read` gets that part as `after`.
 */
export async function readPage<T, P>(
  query: z.output<typeof PageQuery>,
  position: { readonly schema: z.ZodType<P>; readonly of: (row: T) => P },
  read: (page: { after: P | undefined; limit: number }) => Promise<readonly T[]>,
): Promise<Page<T>> {
  const limit = query.limit ?? requestLimits.defaultPageSize;
  const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor, position.schema);
  const rows = await read({ after, limit: limit + 1 });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const isLast = rows.length <= limit || last === undefined;
  return { items, next: isLast ? null : encodeCursor(position.of(last)) };
}

function encodeCursor(position: unknown): string {
  return Buffer.from(JSON.stringify([position])).toString('base64url');
}

function decodeCursor<P>(cursor: string, schema: z.ZodType<P>): P {
  const json = parseJson(Buffer.from(cursor, 'base64url').toString());
  if (json.kind === 'json' && isStorableJson(json.value)) {
    const parsed = z.tuple([schema]).safeParse(json.value);
    if (parsed.success) return parsed.data[0];
  }
  throw requestError('invalid_request', [
    { in: 'query', name: 'cursor', message: 'is not a valid cursor: use the "next" of the previous page' },
  ]);
}
