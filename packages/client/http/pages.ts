import type { z } from 'zod';

import { pageOf } from '@pointsman/protocol/page';
import type { ApiClient, Call } from './client.ts';
import { clientLimits } from './limits.ts';

/** The first rows of a list that the API returns in pages. */
export interface FirstRows<T> {
  readonly rows: readonly T[];
  /** True if `rows` is the whole list. */
  readonly isWhole: boolean;
}

/**
 * Returns at most `most` rows of a list, in the order of the API. Reads as many pages as needed, up to {@link
 * clientLimits.pages}.
 */
export async function listRows<T>(
  client: ApiClient,
  path: string,
  row: z.ZodType<T>,
  most: number,
  query: Call['query'] = {},
): Promise<readonly T[]> {
  return (await firstRows(client, path, row, most, query)).rows;
}

/** Returns the rows as {@link listRows} does, and whether they are the whole list. */
export async function firstRows<T>(
  client: ApiClient,
  path: string,
  row: z.ZodType<T>,
  most: number,
  query: Call['query'] = {},
): Promise<FirstRows<T>> {
  const page = pageOf(row);
  const rows: T[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < clientLimits.pages && rows.length < most; pages++) {
    const limit = Math.min(most - rows.length, clientLimits.pageRows);
    const { items, next } = await client.call('GET', path, page, {
      query: { ...query, limit, cursor },
    });
    rows.push(...items);
    if (next === null) return { rows, isWhole: true };
    cursor = next;
  }
  return { rows, isWhole: false };
}
