import { z } from 'zod';

/** A reader's position in a tenant's feed. */
export interface FeedCursor {
  readonly tenant: string;
  /** The last number that was read; 0 before the first. */
  readonly seq: number;
}

const CURSOR = /^([a-z0-9-]{1,63}):(0|[1-9][0-9]{0,15})$/;

/** The cursor as text: `acme:17`. It contains the tenant, so that a cursor of another feed is recognised. */
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
