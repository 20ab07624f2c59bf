import { createHmac } from 'node:crypto';

import { webhookKey } from './webhook-secret.ts';

/** The names of the headers of Standard Webhooks 1.0. */
export const webhookHeaders = {
  id: 'webhook-id',
  timestamp: 'webhook-timestamp',
  signature: 'webhook-signature',
} as const;

export interface ToSign {
  /** The ID of the event, which is the same for every attempt, so that a receiver can detect duplicates. */
  readonly id: string;
  /** The time of this attempt, in whole seconds since the epoch. */
  readonly timestamp: number;
  /** The exact bytes that are sent. */
  readonly body: string | Uint8Array;
}

/**
 * Returns the signature headers, with one signature for each secret. Throws for an invalid
 * secret.
 */
export function signatureHeaders(message: ToSign, secrets: readonly string[]): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const key = webhookKey(secret);
    // The error message must not contain the secret, because the message is logged.
    if (key === null) throw new Error('a webhook cannot be signed: its secret is invalid');
    return `${VERSION},${signatureOf(message, key).toString('base64')}`;
  });
  return {
    [webhookHeaders.id]: message.id,
    [webhookHeaders.timestamp]: String(message.timestamp),
    [webhookHeaders.signature]: signatures.join(' '),
  };
}

/** The identifier of the symmetric signature scheme of Standard Webhooks. */
export const VERSION = 'v1';

export function signatureOf({ id, timestamp, body }: ToSign, key: Buffer): Buffer {
  // The signed text joins its parts with dots. With a dot in the ID, one signature would match several
  // messages.
  if (id.includes('.')) throw new Error(`the ID of a webhook contains a dot: ${id}`);
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}
