import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

import type { HookProvider } from '@pointsman/protocol/hook';
import { signatureOf, webhookHeaders } from '@pointsman/protocol/webhooks/sign';
import { isClaimed, readClaim } from '@pointsman/client/internal/webhooks/verify';
import { webhookKey } from '@pointsman/protocol/webhooks/webhook-secret';

/** The headers and the unparsed body of a received request. */
export interface SignedRequest {
  readonly headers: Pick<Headers, 'get'>;
  readonly body: Uint8Array;
}

/**
 * Whether the sender of the request has the secret. The body is hashed exactly once, for every provider, header and
 * secret. An attacker therefore learns nothing about the secret or the existence of hooks from the duration of a
 * rejection.
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

/**
 * Verifies a GitLab request, which contains the secret itself. Both secrets are hashed before the comparison.
 * Otherwise its duration would reveal the length of the secret.
 */
function hasGitlabToken(secret: string, { headers, body }: SignedRequest): boolean {
  sha256(body);
  return timingSafeEqual(sha256(secret), sha256(headers.get('x-gitlab-token') ?? ''));
}

/**
 * Verifies a signature according to Standard Webhooks. The signature covers the ID, the time and the body. Pointsman
 * signs its own webhooks in the same way.
 */
function hasWebhookSignature(secret: string, { headers, body }: SignedRequest, nowMs: number): boolean {
  const names = Object.values(webhookHeaders);
  const named = Object.fromEntries(names.map((name) => [name, headers.get(name) ?? undefined]));
  const claim = readClaim(named, nowMs);
  const key = webhookKey(secret);
  const signed = claim.kind === 'claim' ? claim : EMPTY_CLAIM;
  const mac = signatureOf({ ...signed, body }, key ?? Buffer.alloc(0));
  return claim.kind === 'claim' && key !== null && isClaimed(claim, mac);
}

/** The ID and time that are verified if the headers are invalid, so that the rejection takes the same time. */
const EMPTY_CLAIM = { id: '', timestamp: 0 };

function sha256(content: string | Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}
