import { z } from 'zod';

import { type DeliveryName, hookAuthor } from './hook.ts';
import { requestLimits } from './limits.ts';

/**
 * The keys by which the database recognizes a repeated request. Keys of clients and keys of hook deliveries
 * have different prefixes, so that they can never be equal.
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

/** Returns the key under which the database stores the publish of a hook delivery. */
export function hookDeliveryKey({ hook, delivery }: Pick<DeliveryName, 'hook' | 'delivery'>): string {
  return `${hookAuthor(hook)}/${delivery}`;
}

/**
 * Returns whether a client's key has the form of the key of a hook delivery. The API rejects such keys,
 * because the two kinds would be easy to confuse.
 */
export function isReservedKey(key: string): boolean {
  return key.startsWith(hookAuthor(''));
}

/**
 * The result of a request whose idempotency key was already used for another request. The two have different
 * fingerprints.
 */
export const KeyReused = z.object({ kind: z.literal('key_reused') });
