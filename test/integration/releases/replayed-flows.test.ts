// This file is not part of the replay run, because its Restate always replays.
import { afterAll, beforeAll, expect, test } from 'vitest';

import { aCallout } from '../../support/flows/asked-flow.ts';
import { aLine, anApproval, aPublish, aRefusal, aRollback } from '../../support/flows/flows.ts';
import { aPush } from '../../support/flows/pushed-flow.ts';
import { aDelivery } from '../../support/flows/sink-flow.ts';
import { aCancel, aSupersede } from '../../support/flows/stopped-flows.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { REPLAYING } from '../../support/runs/replay.ts';
import { quiet } from '../../support/servers/tenant-invocations.ts';
import { type ControlPlane, newTenant, startControlPlane } from '../../support/worlds/control-plane.ts';

let plane: ControlPlane;

beforeAll(async () => {
  // Allows calls to the outside servers of the flows, which run on this machine.
  const workerEnv = () => Promise.resolve({ POINTSMAN_OUTBOUND_ALLOW: '127.0.0.1/32' });
  plane = await startControlPlane({ restateEnv: REPLAYING, workerEnv });
});
afterAll(() => plane.stop());

const flows = [
  aPublish,
  aLine,
  aRefusal,
  aRollback,
  anApproval,
  aSupersede,
  aCancel,
  aCallout,
  aPush,
  aDelivery,
];

test.each(flows.map((flow) => [flow.name, flow.holds, flow] as const))(
  'when Restate replays every handler of %s after each step, %s',
  async (name, _holds, flow) => {
    const tenant = await newTenant(plane);
    await flow.prepare(plane, tenant);
    await quiet(plane.admin, tenant, 'the preparation has ended');
    await flow.run(plane, tenant);
    await flow.check(plane, tenant, name);
    await quiet(plane.admin, tenant, 'the flow has ended');
    expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
  },
);
