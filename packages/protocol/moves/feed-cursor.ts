import { z } from 'zod';

/** A reader's position in a tenant's feed. */
export interface FeedCursor {
  readonly tenant: string;
  /** The number of the last move that was read, or 0. */
  readonly seq: number;
}

const CURSOR = /^([a-z0-9-]{1,63}):(0|[1-9][0-9]{0,15})$/;

/**
 * Formats the cursor, for example `acme:17`. It contains the tenant, so that the API can reject a cursor of
 * another tenant's feed.
 */
export function feedCursor({ tenant, seq }: FeedCursor): string {
  return `${tenant}:${seq}`;
}

export const FeedCursorText = z
  .string()
  .regex(CURSOR, 'must be a cursor of this feed, such as "acme:17"')
  .refine(
    (text) => Number.isSafeInteger(Number(text.split(':', 2)[1])),
    'is past the largest possible cursor',
  )
  .transform((text): FeedCursor => {
    const [, tenant = '', seq = ''] = CURSOR.exec(text) ?? [];
    return { tenant, seq: Number(seq) };
  });
