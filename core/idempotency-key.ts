import { z } from 'zod';

import { type DeliveryName, hookAuthor } from './hook.ts';

/**
 * The keys by which the record recognizes a repeated request. Each kind has a prefix of its own, which is added where the key is made: whatever
 * a client sends stays behind its prefix, and is never the key of a delivery.
 */

/** The key of a client's request, from its `Idempotency-Key`. */
export function clientKey(key: string): string {
  return `client/${key}`;
}

/** The key under which the push of a delivery is published. */
export function hookDeliveryKey({ hook, delivery }: Pick<DeliveryName, 'hook' | 'delivery'>): string {
  return `${hookAuthor(hook)}/${delivery}`;
}

/** Whether a client's key has the form of a delivery's, which would be mistaken for it by people. */
export function isReservedKey(key: string): boolean {
  return key.startsWith(hookAuthor(''));
}

/** The response when an idempotency key was already used for a different request (the fingerprints differ). */
export const KeyReused = z.object({ kind: z.literal('key_reused') });
