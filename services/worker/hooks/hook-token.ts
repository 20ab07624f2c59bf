import type { Logger } from 'pino';

import { type DeliveryName, deliveryCorrelationId } from '@pointsman/protocol/hook';
import { type SecretBox, SecretLostError } from '../../secrets/secret-box.ts';

/**
 * The dependencies for decrypting a hook's token. `secrets` is null if no key is configured. If a token can't be
 * decrypted, the error is logged.
 */
export interface TokenDeps {
  readonly secrets: SecretBox | null;
  readonly log: Logger;
}

type Token =
  | { readonly kind: 'open'; readonly plain: string | null }
  | { readonly kind: 'lost'; readonly reason: string };

/** Decrypts the token of a hook. If this fails, the result is `lost`, and the log gets the details for the operator. */
export function openToken({ secrets, log }: TokenDeps, name: DeliveryName, sealed: string | null): Token {
  if (sealed === null) return { kind: 'open', plain: null };
  try {
    if (secrets === null) throw new SecretLostError('POINTSMAN_SECRET_KEY is not set');
    const { tenant, hook } = name;
    return { kind: 'open', plain: secrets.open(sealed, { tenant, hook, field: 'token' }) };
  } catch (error) {
    if (!(error instanceof SecretLostError)) throw error;
    log.error(
      { correlationId: deliveryCorrelationId(name), err: error },
      'a hook’s token cannot be decrypted',
    );
    return { kind: 'lost', reason: 'the hook’s token can no longer be decrypted: set it again' };
  }
}
