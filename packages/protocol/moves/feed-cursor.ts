import { z } from 'zod';

/** The position of a reader in a tenant's feed. */
export interface FeedCursor {
  readonly tenant: string;
  /** The sequence number of the last move that was read. 0 if no move was read. */
  readonly seq: number;
}

const CURSOR = /^([a-z0-9-]{1,63}):(0|[1-9][0-9]{0,15})$/;

/**
 * Formats a cursor as text, for example `acme:17`. The text contains the tenant, so that the API can reject a
 * cursor of another tenant's feed.
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
