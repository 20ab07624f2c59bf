import { z } from 'zod';

import { type DeliveryName, hookAuthor } from './hook.ts';
import { requestLimits } from './limits.ts';

/**
 * The keys by which the database detects a repeated request. Each kind of key has its own prefix, so that a
 * key from a client can never equal the key of a delivery.
 */

/** The value of an `Idempotency-Key` header. */
export const IdempotencyKeyText = z
  .string()
  .regex(
    new RegExp(`^[\\x21-\\x7e]{1,${requestLimits.idempotencyKeyChars}}$`),
    `must be 1 to ${requestLimits.idempotencyKeyChars} visible ASCII characters without spaces`,
  );

/** Returns the stored key of a client's request, given its `Idempotency-Key` header. */
export function clientKey(key: string): string {
  return `client/${key}`;
}

/** Returns the key under which a hook delivery publishes its push. */
export function hookDeliveryKey({ hook, delivery }: Pick<DeliveryName, 'hook' | 'delivery'>): string {
  return `${hookAuthor(hook)}/${delivery}`;
}

/**
 * Returns whether a client's key looks like the key of a delivery. The API rejects such keys to avoid
 * confusion.
 */
export function isReservedKey(key: string): boolean {
  return key.startsWith(hookAuthor(''));
}

/** The response when an idempotency key was already used for a different request (the fingerprints differ). */
export const KeyReused = z.object({ kind: z.literal('key_reused') });
