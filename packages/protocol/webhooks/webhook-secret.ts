import { randomBytes } from 'node:crypto';

import { signatureLimits } from '../limits.ts';

const PREFIX = 'whsec_';

/** The format of a webhook secret, described for an error message. */
export const SECRET_FORM = `must be "${PREFIX}" and the base64 of ${signatureLimits.minSecretBytes} to ${signatureLimits.maxSecretBytes} bytes`;

/** Returns a new random secret in the format of Standard Webhooks, which its libraries accept. */
export function newWebhookSecret(): string {
  return PREFIX + randomBytes(signatureLimits.madeSecretBytes).toString('base64');
}

/** Returns the key that a secret encodes. Returns null if the secret is invalid. */
export function webhookKey(secret: string): Buffer | null {
  if (!secret.startsWith(PREFIX)) return null;
  const text = secret.slice(PREFIX.length);
  const key = Buffer.from(text, 'base64');
  // Node ignores invalid characters in base64, but other libraries may not. Such a secret is rejected,
  // because two programs could derive different keys from it.
  if (key.toString('base64') !== text) return null;
  return key.length >= signatureLimits.minSecretBytes && key.length <= signatureLimits.maxSecretBytes
    ? key
    : null;
}
