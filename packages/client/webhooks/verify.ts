import { timingSafeEqual } from 'node:crypto';

import { signatureLimits } from '@pointsman/protocol/limits';
import { signatureOf, VERSION, webhookHeaders } from '@pointsman/protocol/webhooks/sign';
import { webhookKey } from '@pointsman/protocol/webhooks/webhook-secret';

/** A request as received. */
export interface Delivered {
  /** The headers by lower-case name, as Node returns them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /**
   * The exact bytes that were sent. A body that a framework has parsed and serialized again does not match
   * the signature.
   */
  readonly body: Uint8Array;
}

export type Verified =
  /** The ID is the same for every delivery of the event. */
  { readonly kind: 'verified'; readonly id: string } | { readonly kind: 'refused'; readonly reason: string };

/**
 * Verifies that one of the secrets has signed this body recently, as defined by Standard Webhooks 1.0. During
 * a rotation there are two secrets: the sender signs with both, or the receiver accepts both. The comparison
 * takes constant time, so that its duration reveals nothing. Throws for an invalid secret.
 */
export function verifyWebhook(
  { headers, body }: Delivered,
  { secrets, nowMs = Date.now() }: { readonly secrets: readonly string[]; readonly nowMs?: number },
): Verified {
  const keys = secrets.map((secret) => {
    const key = webhookKey(secret);
    if (key === null) throw new Error('a webhook cannot be verified: the configured secret is invalid');
    return key;
  });
  const claim = readClaim(headers, nowMs);
  if (claim.kind === 'refused') return claim;
  const isSigned = keys
    .map((key) => signatureOf({ ...claim, body }, key))
    .some((mac) => isClaimed(claim, mac));
  return isSigned ? { kind: 'verified', id: claim.id } : refused('no signature matches');
}

/** The values of the signature headers, before any signature is compared. */
export interface SignatureClaim {
  readonly kind: 'claim';
  readonly id: string;
  readonly timestamp: number;
  readonly signatures: readonly Buffer[];
}

/**
 * Parses the three headers. A timestamp too far from now is rejected, so that a recorded request can't be
 * replayed later.
 */
export function readClaim(
  headers: Delivered['headers'],
  nowMs: number,
): SignatureClaim | Extract<Verified, { kind: 'refused' }> {
  const id = one(headers[webhookHeaders.id]);
  const sentAt = one(headers[webhookHeaders.timestamp]);
  const signatures = one(headers[webhookHeaders.signature]);
  if (id === null || sentAt === null || signatures === null) return refused('a header is missing');
  if (id === '' || id.includes('.')) return refused('the id is invalid');
  // The signed text contains the timestamp in this exact form, so other spellings of the number are rejected.
  if (!/^(?:0|[1-9][0-9]{0,11})$/.test(sentAt)) return refused('the timestamp is invalid');
  const timestamp = Number(sentAt);
  if (Math.abs(nowMs - timestamp * 1_000) > signatureLimits.toleranceMs)
    return refused('the timestamp is too far from now');
  const given = signatures.split(' ', signatureLimits.signatures).map(macIn);
  return { kind: 'claim', id, timestamp, signatures: given.filter((mac) => mac !== null) };
}

/** Returns whether the request contains this signature. */
export function isClaimed({ signatures }: SignatureClaim, mac: Buffer): boolean {
  return signatures.some((candidate) => timingSafeEqual(mac, candidate));
}

function refused(reason: string): Extract<Verified, { kind: 'refused' }> {
  return { kind: 'refused', reason };
}

/**
 * Returns the value of a header. A repeated header counts as missing, because implementations differ in which
 * value they use.
 */
function one(header: string | readonly string[] | undefined): string | null {
  return typeof header === 'string' ? header : null;
}

const MAC_BYTES = 32;

/** Returns the signature in a `v1,<base64>` value, or null for any other value, including future versions. */
function macIn(signature: string): Buffer | null {
  const [version, text = ''] = signature.split(',', 2);
  if (version !== VERSION) return null;
  const mac = Buffer.from(text, 'base64');
  return mac.length === MAC_BYTES ? mac : null;
}
