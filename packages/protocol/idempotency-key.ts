import { z } from 'zod';

import { type DeliveryName, hookAuthor } from './hook.ts';

/**
 * The keys by which the record recognises a repeated request. Each kind gets its own prefix where the key is made, so a key that a client
 * sends can never equal the key of a delivery.
 */

/** The key of a client's request, from its `Idempotency-Key`. */
export function clientKey(key: string): string {
  return `client/${key}`;
}

/** The key under which a delivery's push is published. */
export function hookDeliveryKey({ hook, delivery }: Pick<DeliveryName, 'hook' | 'delivery'>): string {
  return `${hookAuthor(hook)}/${delivery}`;
}

/** Whether a client's key looks like the key of a delivery, which people would confuse. */
export function isReservedKey(key: string): boolean {
  return key.startsWith(hookAuthor(''));
}

/** The response when an idempotency key was already used for a different request (the fingerprints differ). */
export const KeyReused = z.object({ kind: z.literal('key_reused') });
