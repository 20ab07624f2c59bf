import { timingSafeEqual } from 'node:crypto';

import { signatureLimits } from './limits.ts';
import { signatureOf, VERSION } from './sign.ts';
import { webhookKey } from './webhook-secret.ts';

/** A request as it arrived. */
export interface Delivered {
  /** By lower-case name, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it was sent: what a framework has parsed and written anew is signed by nobody. */
  readonly body: Uint8Array;
}

export type Verified =
  /** The id is the same however often the event is delivered. */
  { readonly kind: 'verified'; readonly id: string } | { readonly kind: 'refused'; readonly reason: string };

/**
 * Whether one of those secrets has signed that body, a moment ago, after Standard Webhooks 1.0. While a secret is rotated there are two:
 * the sender signs with both, or the receiver knows both. Whoever guesses learns nothing from how long it takes. Throws for a secret that
 * is none.
 */
export function verifyWebhook(
  { headers, body }: Delivered,
  { secrets, nowMs = Date.now() }: { readonly secrets: readonly string[]; readonly nowMs?: number },
): Verified {
  const keys = secrets.map((secret) => {
    const key = webhookKey(secret);
    if (key === null) throw new Error('a secret to verify webhooks with is no webhook secret');
    return key;
  });
  const id = one(headers['webhook-id']);
  const sentAt = one(headers['webhook-timestamp']);
  const signatures = one(headers['webhook-signature']);
  if (id === null || sentAt === null || signatures === null) return refused('a header is missing');
  if (id === '' || id.includes('.')) return refused('the id is none');
  // As it is written into what is signed, and in no other spelling of the same number.
  if (!/^(?:0|[1-9][0-9]{0,11})$/.test(sentAt)) return refused('the timestamp is none');
  const timestamp = Number(sentAt);
  if (Math.abs(nowMs - timestamp * 1_000) > signatureLimits.toleranceMs)
    return refused('the timestamp is too far from now');
  const given = signatures.split(' ', signatureLimits.signatures).map(macIn);
  const isSigned = keys
    .map((key) => signatureOf({ id, timestamp, body }, key))
    .some((mac) => given.some((candidate) => candidate !== null && timingSafeEqual(mac, candidate)));
  return isSigned ? { kind: 'verified', id } : refused('no signature is right');
}

function refused(reason: string): Verified {
  return { kind: 'refused', reason };
}

/** A header that is there twice is not there: one reader would take the first, and another the second. */
function one(header: string | readonly string[] | undefined): string | null {
  return typeof header === 'string' ? header : null;
}

const MAC_BYTES = 32;

/** The signature of one `v1,<base64>`; null for what is no such thing, among them versions to come. */
function macIn(signature: string): Buffer | null {
  const [version, text = ''] = signature.split(',', 2);
  if (version !== VERSION) return null;
  const mac = Buffer.from(text, 'base64');
  return mac.length === MAC_BYTES ? mac : null;
}
