import { randomBytes } from 'node:crypto';

import { signatureLimits } from './limits.ts';

const PREFIX = 'whsec_';

/** What a webhook secret looks like, in words for whoever gave another. */
export const SECRET_FORM = `must be "${PREFIX}" and the base64 of ${signatureLimits.minSecretBytes} to ${signatureLimits.maxSecretBytes} bytes`;

/** A new secret in the form of Standard Webhooks, which its libraries take as it is. */
export function newWebhookSecret(): string {
  return PREFIX + randomBytes(signatureLimits.madeSecretBytes).toString('base64');
}

/** The key that a secret stands for; null where it is none. */
export function webhookKey(secret: string): Buffer | null {
  if (!secret.startsWith(PREFIX)) return null;
  const text = secret.slice(PREFIX.length);
  const key = Buffer.from(text, 'base64');
  // Node passes over what is no base64, and the next library might not: two programs must not make two keys of one secret.
  if (key.toString('base64') !== text) return null;
  return key.length >= signatureLimits.minSecretBytes && key.length <= signatureLimits.maxSecretBytes
    ? key
    : null;
}
