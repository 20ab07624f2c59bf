import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

import type { HookProvider } from '../../core/hook.ts';
import { signatureOf } from '../webhooks/sign.ts';
import { isClaimed, readClaim } from '../webhooks/verify.ts';
import { webhookKey } from '../webhooks/webhook-secret.ts';

/** A request as it arrived. */
export interface SignedRequest {
  readonly headers: Pick<Headers, 'get'>;
  readonly body: Uint8Array;
}

/**
 * Whether the sender of that request knows the secret. The body is hashed once, whatever the provider, the headers and the secret are, so that the
 * time of a refusal tells neither the secret nor which hooks exist.
 */
export function isSigned(
  provider: HookProvider,
  secret: string,
  request: SignedRequest,
  nowMs = Date.now(),
): boolean {
  switch (provider) {
    case 'github':
      return hasHubSignature(secret, request);
    case 'gitlab':
      return hasGitlabToken(secret, request);
    case 'generic':
      return hasWebhookSignature(secret, request, nowMs);
  }
}

function hasHubSignature(secret: string, { headers, body }: SignedRequest): boolean {
  const mac = createHmac('sha256', secret).update(body).digest();
  const [, hex = ''] = /^sha256=([0-9a-f]{64})$/.exec(headers.get('x-hub-signature-256') ?? '') ?? [];
  const isMac = timingSafeEqual(mac, hex === '' ? Buffer.alloc(mac.length) : Buffer.from(hex, 'hex'));
  return isMac && hex !== '';
}

/** GitLab sends the secret itself. It is hashed, so that its length does not show. */
function hasGitlabToken(secret: string, { headers, body }: SignedRequest): boolean {
  sha256(body);
  return timingSafeEqual(sha256(secret), sha256(headers.get('x-gitlab-token') ?? ''));
}

/** Standard Webhooks, as our own webhooks are signed: the id and the time belong to what is signed. */
function hasWebhookSignature(secret: string, { headers, body }: SignedRequest, nowMs: number): boolean {
  const named = CLAIM_HEADERS.map((name) => [name, headers.get(name) ?? undefined]);
  const claim = readClaim(Object.fromEntries(named), nowMs);
  const key = webhookKey(secret);
  const signed = claim.kind === 'claim' ? claim : NOTHING;
  const mac = signatureOf({ ...signed, body }, key ?? Buffer.alloc(0));
  return claim.kind === 'claim' && key !== null && isClaimed(claim, mac);
}

const CLAIM_HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];

/** Signed in place of a claim that is refused, for the time that it takes. */
const NOTHING = { id: '', timestamp: 0 };

function sha256(content: string | Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}
