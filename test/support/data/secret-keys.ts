import type { SecretKeys } from '../../../services/secrets/secret-box.ts';

/** With what the processes of tests keep the secrets of hooks: the API of a test may run beside a worker that has another environment. */
export const TEST_SECRET_KEYS: SecretKeys = { current: Buffer.alloc(32, 'pointsman test'), previous: null };

/** The same as a setting. */
export const TEST_SECRET_KEY = TEST_SECRET_KEYS.current.toString('base64');
