import type { Logger } from 'pino';

import { type DeliveryName, deliveryCorrelationId } from '../../../core/hook.ts';
import { type SecretBox, SecretLostError } from '../../secrets/secret-box.ts';

/** What opens a token: the key, null without one, and where a lost token is logged. */
export interface TokenDeps {
  readonly secrets: SecretBox | null;
  readonly log: Logger;
}

type Token =
  | { readonly kind: 'open'; readonly plain: string | null }
  | { readonly kind: 'lost'; readonly reason: string };

/** The hook's token in plain, for one call. What operators need to know of a lost one is in the log. */
export function openToken({ secrets, log }: TokenDeps, name: DeliveryName, sealed: string | null): Token {
  if (sealed === null) return { kind: 'open', plain: null };
  try {
    if (secrets === null) throw new SecretLostError('POINTSMAN_SECRET_KEY is not set');
    const { tenant, hook } = name;
    return { kind: 'open', plain: secrets.open(sealed, { tenant, hook, field: 'token' }) };
  } catch (error) {
    if (!(error instanceof SecretLostError)) throw error;
    log.error({ correlationId: deliveryCorrelationId(name), err: error }, 'a hook’s token is lost');
    return { kind: 'lost', reason: 'the hook’s token can no longer be read: set it again' };
  }
}
