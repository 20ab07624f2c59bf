// This file is not part of the replay run, because it depends on clocks. sinks.test.ts runs the same handlers with
// Restate replaying.
import { afterAll, beforeAll, expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { type ControlPlane, newTenant, startControlPlane } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import {
  deliveredTo,
  addWebhook,
  MAY_CALL_ENDPOINTS,
  moveOften,
  sinkOf,
  startEndpoint,
  steer,
  twoReleases,
} from '../../support/worlds/sink-world.ts';

let plane: ControlPlane;

beforeAll(async () => {
  plane = await startControlPlane({ workerEnv: () => Promise.resolve(MAY_CALL_ENDPOINTS) });
});
afterAll(() => plane.stop());

test('a request to pause a slow webhook waits for one step of its deliveries, and not for the delivery of all due moves', async () => {
  const tenant = await newTenant(plane);
  const endpoint = await startEndpoint();
  await addWebhook(plane, tenant, endpoint);
  await twoReleases(plane, tenant);
  await deliveredTo(plane, tenant, 2);
  await steer(plane, tenant, { kind: 'pause', reason: 'until much is due' });
  // Creates more moves than one delivery step can handle.
  const callMs = 3_000;
  const due = Math.ceil(sinkLimits.batchMs / callMs) + 8;
  await moveOften(plane, tenant, due);
  let calls = 0;
  endpoint.answers((_request, response) => {
    calls += 1;
    setTimeout(() => response.writeHead(200).end(), callMs);
  });
  await steer(plane, tenant, { kind: 'resume' });
  await eventually(async () => calls > 0, { what: 'a delivery is under way' });
  expect(await steer(plane, tenant, { kind: 'pause', reason: 'enough' })).toMatchObject({ kind: 'done' });
  const { deliveredSeq } = await sinkOf(plane, tenant);
  expect(deliveredSeq).toBeLessThan(2 + due);
  expect(calls).toBeLessThan(due);
  await endpoint.server.close();
});
