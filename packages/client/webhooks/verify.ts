import { timingSafeEqual } from 'node:crypto';

import { signatureLimits } from '@pointsman/protocol/limits';
import { signatureOf, VERSION, webhookHeaders } from '@pointsman/protocol/webhooks/sign';
import { webhookKey } from '@pointsman/protocol/webhooks/webhook-secret';

/** A received webhook request. */
export interface Delivered {
  /** The request headers. Their names are in lower case, as Node returns them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /**
   * The exact bytes of the body. If a framework has parsed the body and serialized it again, the signature no
   * longer matches.
   */
  readonly body: Uint8Array;
}

export type Verified =
  /**
   * The signature is valid. `id` is the ID of the event, which is the same in every delivery of that event.
   */
  { readonly kind: 'verified'; readonly id: string } | { readonly kind: 'refused'; readonly reason: string };

/**
 * Verifies a signature as defined by Standard Webhooks 1.0: one of the secrets must have signed this body
 * recently. While a secret is being replaced, there are two: the sender signs with both, or the receiver
 * accepts both. Signatures are compared in constant time, to prevent timing attacks. Throws if a secret is
 * invalid.
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

/** The parsed signature headers. The signatures are not verified yet. */
export interface SignatureClaim {
  readonly kind: 'claim';
  readonly id: string;
  readonly timestamp: number;
  readonly signatures: readonly Buffer[];
}

/**
 * Parses the three signature headers. Rejects a timestamp that is too far from the current time, so that a
 * recorded request can't be replayed later.
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
  // The signature covers the exact text of the timestamp. Another spelling of the same number is therefore
  // rejected.
  if (!/^(?:0|[1-9][0-9]{0,11})$/.test(sentAt)) return refused('the timestamp is invalid');
  const timestamp = Number(sentAt);
  if (Math.abs(nowMs - timestamp * 1_000) > signatureLimits.toleranceMs)
    return refused('the timestamp is too far from now');
  const given = signatures.split(' ', signatureLimits.signatures).map(macIn);
  return { kind: 'claim', id, timestamp, signatures: given.filter((mac) => mac !== null) };
}

/** Returns whether one of the signatures in the request is this one. */
export function isClaimed({ signatures }: SignatureClaim, mac: Buffer): boolean {
  return signatures.some((candidate) => timingSafeEqual(mac, candidate));
}

function refused(reason: string): Extract<Verified, { kind: 'refused' }> {
  return { kind: 'refused', reason };
}

/**
 * Returns the value of a header. A repeated header counts as missing, because HTTP implementations disagree
 * on which value applies.
 */
function one(header: string | readonly string[] | undefined): string | null {
  return typeof header === 'string' ? header : null;
}

const MAC_BYTES = 32;

/**
 * Returns the signature in a text of the form `v1,<base64>`. Returns null for any other text, for example a
 * signature of a future version.
 */
function macIn(signature: string): Buffer | null {
  const [version, text = ''] = signature.split(',', 2);
  if (version !== VERSION) return null;
  const mac = Buffer.from(text, 'base64');
  return mac.length === MAC_BYTES ? mac : null;
}
