import { createHmac } from 'node:crypto';

import { webhookKey } from './webhook-secret.ts';

export interface ToSign {
  /** The same for every try, so that a receiver knows what it has had. */
  readonly id: string;
  /** Of this try, in whole seconds. */
  readonly timestamp: number;
  /** As it is sent, byte for byte. */
  readonly body: string | Uint8Array;
}

/** The headers of Standard Webhooks 1.0, with a signature for each secret. Throws for a secret that is none. */
export function signatureHeaders(message: ToSign, secrets: readonly string[]): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const key = webhookKey(secret);
    // Its words name no secret: they end up in logs.
    if (key === null) throw new Error('what should sign a webhook is no webhook secret');
    return `${VERSION},${signatureOf(message, key).toString('base64')}`;
  });
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestamp),
    'webhook-signature': signatures.join(' '),
  };
}

/** Of the symmetric scheme. */
export const VERSION = 'v1';

export function signatureOf({ id, timestamp, body }: ToSign, key: Buffer): Buffer {
  // With a dot in it, one signature would stand for several messages.
  if (id.includes('.')) throw new Error(`the id of a webhook holds a dot: ${id}`);
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}
