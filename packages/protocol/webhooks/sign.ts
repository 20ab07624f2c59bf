import { createHmac } from 'node:crypto';

import { webhookKey } from './webhook-secret.ts';

/** The names of the headers of Standard Webhooks 1.0. */
export const webhookHeaders = {
  id: 'webhook-id',
  timestamp: 'webhook-timestamp',
  signature: 'webhook-signature',
} as const;

export interface ToSign {
  /**
   * The ID of the event. It is the same in every attempt to deliver the event, so that a receiver can detect
   * duplicates.
   */
  readonly id: string;
  /** The time of this delivery attempt, in whole seconds since the epoch. */
  readonly timestamp: number;
  /** The exact bytes of the request body. */
  readonly body: string | Uint8Array;
}

/**
 * Returns the signature headers of Standard Webhooks 1.0, with one signature for each secret. Throws if a
 * secret is invalid.
 */
export function signatureHeaders(message: ToSign, secrets: readonly string[]): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const key = webhookKey(secret);
    // The error message is logged, so it must not contain the secret.
    if (key === null) throw new Error('a webhook cannot be signed: its secret is invalid');
    return `${VERSION},${signatureOf(message, key).toString('base64')}`;
  });
  return {
    [webhookHeaders.id]: message.id,
    [webhookHeaders.timestamp]: String(message.timestamp),
    [webhookHeaders.signature]: signatures.join(' '),
  };
}

/** The identifier of the signature scheme in Standard Webhooks: an HMAC with a shared secret. */
export const VERSION = 'v1';

export function signatureOf({ id, timestamp, body }: ToSign, key: Buffer): Buffer {
  // The text that is signed joins the ID, the timestamp and the body with dots. If the ID contained a dot,
  // two different messages could have the same signature.
  if (id.includes('.')) throw new Error(`the ID of a webhook contains a dot: ${id}`);
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}
