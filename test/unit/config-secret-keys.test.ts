import { randomBytes } from 'node:crypto';

import { expect, test } from 'vitest';

import { apiConfig, stackConfig, workerConfig } from '../../services/config/config.ts';
import { ConfigError } from '../../services/config/read-settings.ts';

const stores = {
  DATABASE_URL: 'postgres://app:pw@127.0.0.1:5432/pointsman',
  RESTATE_INGRESS_URL: 'http://127.0.0.1:8080',
  RESTATE_ADMIN_URL: 'http://127.0.0.1:9070',
};
const api = { ...stores, POINTSMAN_ADMIN_TOKEN: 'an-admin-token-of-the-tests' };
const worker = { ...stores, POINTSMAN_WORKER_PORT: '9080', POINTSMAN_WORKER_URL: 'http://127.0.0.1:9080' };
const [current, previous] = [randomBytes(32), randomBytes(32)];
const text = (key: Buffer) => key.toString('base64');

test('every process that uses secrets reads the same two optional secret keys', () => {
  const env = { POINTSMAN_SECRET_KEY: text(current), POINTSMAN_SECRET_KEY_PREVIOUS: text(previous) };
  for (const read of [
    () => apiConfig({ ...api, ...env }),
    () => workerConfig({ ...worker, ...env }),
    () => stackConfig(env),
  ])
    expect(read().secretKeys).toEqual({ current, previous });
  expect(apiConfig({ ...api, POINTSMAN_SECRET_KEY: text(current) }).secretKeys).toEqual({
    current,
    previous: null,
  });
  for (const read of [() => apiConfig(api), () => workerConfig(worker), () => stackConfig({})])
    expect(read().secretKeys).toBeNull();
});

test.each([
  ['too short', text(current.subarray(1))],
  ['too long', text(Buffer.concat([current, previous]))],
  ['not base64', '!'.repeat(44)],
  ['in hex', current.toString('hex')],
])('a secret key that is %s is refused, and the error does not contain the key', (_what, key) => {
  const error = refusal(() => apiConfig({ ...api, POINTSMAN_SECRET_KEY: key }));
  expect(error.problems).toEqual([
    expect.stringContaining('POINTSMAN_SECRET_KEY must be 32 bytes in base64'),
  ]);
  expect(error.message).not.toContain(key);
});

test('a previous secret key without a current one is refused, because new secrets could not be encrypted', () => {
  const error = refusal(() => workerConfig({ ...worker, POINTSMAN_SECRET_KEY_PREVIOUS: text(previous) }));
  expect(error.problems).toEqual([expect.stringContaining('POINTSMAN_SECRET_KEY must also be set')]);
});

function refusal(read: () => unknown): ConfigError {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('it was taken');
}
