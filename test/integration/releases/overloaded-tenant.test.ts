import { afterAll, beforeAll, expect, test } from 'vitest';

import { admissionLimits } from '../../../services/api/limits.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import {
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';

let plane: ControlPlane;
let api: TestApi;
beforeAll(async () => {
  plane = await sharedControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
afterAll(() => api.stop());

test('when a tenant sends forty publishes at once, at most eight wait at its object, so that moves of its admitted releases do not queue behind the others', async () => {
  const tenant = await newTenant(plane);
  const publishes = Array.from({ length: 40 }, (_none, n) =>
    api.call('POST', `/v1/tenants/${tenant}/bundles/bundle-${n}/releases`, {
      json: { files: { 'config.json': `{"n":${n}}` } },
    }),
  );
  const all = Promise.all(publishes).then((answers) => ({ answers }));
  const counts: number[] = [];
  let done: Awaited<typeof all> | null = null;
  while (done === null) {
    const found = await plane.admin.query(
      `SELECT id FROM sys_invocation WHERE target_service_key = '${tenant}' AND target_handler_name = 'publish' AND status <> 'completed'`,
    );
    counts.push(found.length);
    done = await Promise.race([all, Promise.resolve(null)]);
  }
  expect(Math.max(...counts)).toBeGreaterThan(1);
  expect(Math.max(...counts)).toBeLessThanOrEqual(admissionLimits.running);
  for (const { status, text, json } of done.answers) {
    expect(status, text).toBe(202);
    const bundle = String(json['bundle']);
    const release = await settled(plane, tenant, Number(json['version']), { bundle });
    expect(release.outcome).toBe('published');
  }
});
