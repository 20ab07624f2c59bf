import { expect, test } from 'vitest';

import { shownPath } from '../../../../services/api/http/shown-path.ts';

const secret = 'Wl2Qz3nUuXcQmO1r2kYh0m5w8m2b6s3d9f1g4h7j0k2';

test.each([
  `/v1/callbacks/pmc_${secret}`,
  `/v1/callbacks/pmc_${secret}/blobs/sha256:00`,
  `/v1/callbacks/${secret}`,
  `/v1/callbacks/pmc%5F${secret}/source`,
  `//v1//callbacks//pmc_${secret}`,
  `/v1/Callbacks/PMC_${secret}`,
  `/v1/tenants/pmc_${secret}`,
  `/pmc_${secret}`,
])('the log contains the path %s without the secret in that path', (path) => {
  expect(shownPath(path)).not.toContain('Wl2Qz3nU');
});

test('a path without a secret is logged unchanged', () => {
  const path = '/v1/tenants/acme/bundles/support-bot/channels/live/files/callbacks.yaml';
  expect(shownPath(path)).toBe(path);
  expect(shownPath('/v1/callbacks')).toBe('/v1/callbacks');
});
