import { PointsmanError } from '../../core/errors.ts';
import type { SecretBox } from '../secrets/secret-box.ts';

/** Throws `no_secret_key` where nothing can be sealed. */
export function requireKey(secrets: SecretBox | null): SecretBox {
  if (secrets !== null) return secrets;
  throw new PointsmanError(
    'no_secret_key',
    'Nothing can be kept secret here: whoever runs this API has to set POINTSMAN_SECRET_KEY first.',
  );
}
