import type { SecretBox } from '../secrets/secret-box.ts';

/** The secrets of a webhook, encrypted as in the database. */
export interface SealedSecrets {
  readonly secret: string;
  readonly previousSecret: string | null;
  /** The time until which the previous secret also signs, in ISO 8601. */
  readonly previousUntil: string | null;
}

/**
 * The current signing secrets, the newest first. Throws SecretLostError when one of them can't be decrypted.
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
