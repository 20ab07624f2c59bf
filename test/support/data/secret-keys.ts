import type { SecretKeys } from '../../../services/secrets/secret-box.ts';

/**
 * The keys with which test processes encrypt the secrets of hooks. The API of a test may have another environment
 * than its worker, so tests pass these keys to both.
 */
export const TEST_SECRET_KEYS: SecretKeys = { current: Buffer.alloc(32, 'pointsman test'), previous: null };

/** The current key in base64, as the setting contains it. */
export const TEST_SECRET_KEY = TEST_SECRET_KEYS.current.toString('base64');
