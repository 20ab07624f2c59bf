import { expect, test } from 'vitest';
import { z } from 'zod';

import { PageQuery, readPage } from '../../../../services/api/requests/pages.ts';

const rows = Array.from({ length: 7 }, (_, index) => ({ n: index + 1 }));
const position = { schema: z.number().int(), of: ({ n }: { n: number }) => n };
const read = (query: Record<string, string>) =>
  readPage(PageQuery.parse(query), position, async ({ after = 0, limit }) =>
    rows.filter(({ n }) => n > after).slice(0, limit),
  );

test('following the page cursors returns every row once, and the last page has no cursor', async () => {
  const seen: number[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof read>> = await read({
      limit: '3',
      ...(cursor === null ? {} : { cursor }),
    });
    seen.push(...page.items.map(({ n }) => n));
    cursor = page.next;
  } while (cursor !== null);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('the last page has no cursor, even when it is exactly full', async () => {
  expect((await read({ limit: '7' })).next).toBeNull();
});

test.each(['Zm9v', 'W10', 'WyJ4Il0', 'bnVsbA', 'WzEsMl0'])(
  'the invalid page cursor %s is refused',
  async (cursor) => {
    await expect(read({ cursor })).rejects.toMatchObject({ code: 'invalid_request' });
  },
);

test.each(['0', '1001', '-1', '1.5', 'x', ''])('the page limit %j is refused', (limit) => {
  expect(PageQuery.safeParse({ limit }).success).toBe(false);
});
