import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

import type { HookProvider } from '../../core/hook.ts';

/**
 * Whether whoever sent that body knows the secret. Takes the same time whatever is sent and whether or not it is right, so that nobody
 * learns the secret, or which hooks there are, from how long a refusal takes: the body is hashed with every provider.
 */
export function isSigned(
  provider: HookProvider,
  secret: string,
  headers: Pick<Headers, 'get'>,
  body: Uint8Array,
): boolean {
  const mac = createHmac('sha256', secret).update(body).digest();
  // GitLab sends the secret itself. Hashed, so that its length does not show.
  const token = sha256(secret);
  const given = headers.get(SIGNATURE_HEADERS[provider]) ?? '';
  const [, hex = ''] = /^sha256=([0-9a-f]{64})$/.exec(given) ?? [];
  const isMac = timingSafeEqual(mac, hex === '' ? Buffer.alloc(mac.length) : Buffer.from(hex, 'hex'));
  const isToken = timingSafeEqual(token, sha256(given));
  return provider === 'gitlab' ? isToken : isMac && hex !== '';
}

/** Where each provider puts its signature; GitLab its secret. */
const SIGNATURE_HEADERS: Readonly<Record<HookProvider, string>> = {
  github: 'x-hub-signature-256',
  gitlab: 'x-gitlab-token',
  generic: 'x-pointsman-signature-256',
};

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
