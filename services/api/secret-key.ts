import { PointsmanError } from '@pointsman/protocol/errors';
import type { SecretBox } from '../secrets/secret-box.ts';

/** Returns the box that encrypts secrets. Throws `no_secret_key` if the operator has not configured a key for it. */
export function requireKey(secrets: SecretBox | null): SecretBox {
  if (secrets !== null) return secrets;
  throw new PointsmanError(
    'no_secret_key',
    'Secrets cannot be stored: the operator must set POINTSMAN_SECRET_KEY first.',
  );
}
