import type { SecretBox } from '../secrets/secret-box.ts';

/** The secrets of a webhook, encrypted as they are in the database. */
export interface SealedSecrets {
  readonly secret: string;
  readonly previousSecret: string | null;
  /** The time, in ISO 8601, until which deliveries are also signed with the previous secret. */
  readonly previousUntil: string | null;
}

/**
 * Decrypts the secrets with which deliveries are currently signed, the newest first. Throws SecretLostError if one of
 * them can't be decrypted.
 */
export function signingSecrets(
  box: SecretBox,
  { tenant, sink }: { readonly tenant: string; readonly sink: string },
  { secret, previousSecret, previousUntil }: SealedSecrets,
  nowMs: number,
): string[] {
  const isRotating = previousUntil !== null && nowMs < Date.parse(previousUntil);
  const sealed = isRotating && previousSecret !== null ? [secret, previousSecret] : [secret];
  return sealed.map((one) => box.open(one, { tenant, sink, field: 'secret' }));
}
