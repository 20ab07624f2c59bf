import type { SecretBox } from '../secrets/secret-box.ts';

/** A webhook's secrets as they are on record. */
export interface SealedSecrets {
  readonly secret: string;
  readonly previousSecret: string | null;
  /** ISO 8601: the previous one signs no longer than that. */
  readonly previousUntil: string | null;
}

/** What an event is signed with now, the newest first. Throws SecretLostError when one of them can't be opened. */
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
