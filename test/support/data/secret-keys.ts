import type { SecretKeys } from '../../../services/secrets/secret-box.ts';

/**
 * The keys with which the processes of tests encrypt the secrets of hooks. The API of a test may run together with a
 * worker that has another environment, so both use these.
 */
export const TEST_SECRET_KEYS: SecretKeys = { current: Buffer.alloc(32, 'pointsman test'), previous: null };

/** The current key, as the setting has it. */
export const TEST_SECRET_KEY = TEST_SECRET_KEYS.current.toString('base64');
