import { randomBytes } from 'node:crypto';

import { signatureLimits } from '../limits.ts';

const PREFIX = 'whsec_';

/** Describes the form of a webhook secret, for an error message. */
export const SECRET_FORM = `must be "${PREFIX}" and the base64 of ${signatureLimits.minSecretBytes} to ${signatureLimits.maxSecretBytes} bytes`;

/** A new secret in the Standard Webhooks format, which its libraries accept unchanged. */
export function newWebhookSecret(): string {
  return PREFIX + randomBytes(signatureLimits.madeSecretBytes).toString('base64');
}

/** Returns the key that a secret encodes, or null for an invalid secret. */
export function webhookKey(secret: string): Buffer | null {
  if (!secret.startsWith(PREFIX)) return null;
  const text = secret.slice(PREFIX.length);
  const key = Buffer.from(text, 'base64');
  // Node ignores invalid base64 characters, and another library might not. Two programs must not derive
  // different keys from one secret.
  if (key.toString('base64') !== text) return null;
  return key.length >= signatureLimits.minSecretBytes && key.length <= signatureLimits.maxSecretBytes
    ? key
    : null;
}
