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
  const claim = readClaim(headers, nowMs);
  if (claim.kind === 'refused') return claim;
  const isSigned = keys
    .map((key) => signatureOf({ ...claim, body }, key))
    .some((mac) => isClaimed(claim, mac));
  return isSigned ? { kind: 'verified', id: claim.id } : refused('no signature is right');
}

/** What the headers of a request claim, before any signature is compared. */
export interface SignatureClaim {
  readonly kind: 'claim';
  readonly id: string;
  readonly timestamp: number;
  readonly signatures: readonly Buffer[];
}

/** Reads the three headers. A timestamp that is too far from now is refused, so that a request that was recorded can't be sent again later. */
export function readClaim(
  headers: Delivered['headers'],
  nowMs: number,
): SignatureClaim | Extract<Verified, { kind: 'refused' }> {
  const id = one(headers['webhook-id']);
  const sentAt = one(headers['webhook-timestamp']);
  const signatures = one(headers['webhook-signature']);
  if (id === null || sentAt === null || signatures === null) return refused('a header is missing');
  if (id === '' || id.includes('.')) return refused('the id is invalid');
  // As it is written into what is signed, and in no other spelling of the same number.
  if (!/^(?:0|[1-9][0-9]{0,11})$/.test(sentAt)) return refused('the timestamp is invalid');
  const timestamp = Number(sentAt);
  if (Math.abs(nowMs - timestamp * 1_000) > signatureLimits.toleranceMs)
    return refused('the timestamp is too far from now');
  const given = signatures.split(' ', signatureLimits.signatures).map(macIn);
  return { kind: 'claim', id, timestamp, signatures: given.filter((mac) => mac !== null) };
}

/** Whether that signature is among those of the request. */
export function isClaimed({ signatures }: SignatureClaim, mac: Buffer): boolean {
  return signatures.some((candidate) => timingSafeEqual(mac, candidate));
}

function refused(reason: string): Extract<Verified, { kind: 'refused' }> {
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
