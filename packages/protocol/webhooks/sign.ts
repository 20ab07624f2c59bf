import { createHmac } from 'node:crypto';

import { webhookKey } from './webhook-secret.ts';

export interface ToSign {
  /** The same for every try, so that a receiver can detect duplicates. */
  readonly id: string;
  /** The time of this try, in whole seconds. */
  readonly timestamp: number;
  /** The exact bytes that are sent. */
  readonly body: string | Uint8Array;
}

/** The headers of Standard Webhooks 1.0, with one signature for each secret. Throws for an invalid secret. */
export function signatureHeaders(message: ToSign, secrets: readonly string[]): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const key = webhookKey(secret);
    // The message must not contain the secret, because it is logged.
    if (key === null) throw new Error('a webhook cannot be signed: its secret is invalid');
    return `${VERSION},${signatureOf(message, key).toString('base64')}`;
  });
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestamp),
    'webhook-signature': signatures.join(' '),
  };
}

/** The version of the symmetric scheme. */
export const VERSION = 'v1';

export function signatureOf({ id, timestamp, body }: ToSign, key: Buffer): Buffer {
  // With a dot in the ID, one signature would match several messages.
  if (id.includes('.')) throw new Error(`the ID of a webhook contains a dot: ${id}`);
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}
