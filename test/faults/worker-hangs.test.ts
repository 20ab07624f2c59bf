import { afterAll, beforeAll, expect, test } from 'vitest';

import { findPointer, listMoves } from '../../services/postgres/channels/pointers.ts';
import { listReleases } from '../../services/postgres/releases/releases.ts';
import { startApi, type TestApi } from '../support/processes/api.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../support/worlds/control-plane.ts';
import { eventually } from '../support/runs/eventually.ts';
import { contradictions } from '../support/runs/record-check.ts';
import { runCli } from '../support/runs/run-cli.ts';
import { standstill } from '../support/servers/standstill.ts';

let plane: ControlPlane;
let api: TestApi;
beforeAll(async () => {
  plane = await startControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
afterAll(async () => {
  await api.stop();
  await plane.stop();
});

/** Waits until /readyz reports the given state for the worker, and the API as ready. */
async function readyWithWorker(worker: 'ok' | 'down'): Promise<void> {
  await eventually(
    async () => {
      const { status, json } = await api.call('GET', '/readyz');
      return status === 200 && json['worker'] === worker;
    },
    { what: `ready, and the worker ${worker}` },
  );
}

function doctor() {
  return runCli(['doctor'], { env: { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: api.adminToken } });
}

test('"pointsman doctor" reports a worker that hangs while it moves a pointer; once that worker is killed, its release settles once and the next publish is admitted', async () => {
  const tenant = await newTenant(plane);
  const live = { tenant, bundle: 'bundle', channel: 'live' };
  const still = standstill(plane);
  await settled(plane, tenant, await accepted(plane, tenant));
  await readyWithWorker('ok');
  const hanging = await still.whilePointerLocked(tenant, async () => {
    const version = await accepted(plane, tenant, { files: { 'config.json': '{"a":2}' } });
    await eventually(() => still.waitsForLock('move_by_release'), {
      what: 'a swap that waits for the pointer',
    });
    process.kill(plane.worker.pid, 'SIGSTOP');
    return version;
  });

  await readyWithWorker('down');
  const found = await doctor();
  expect(found.exit).toBe(1);
  expect(found.stdout).toMatch(/✗ {2}worker +does not respond/);

  await plane.worker.kill();
  expect((await settled(plane, tenant, hanging)).outcome).toBe('published');
  expect(await findPointer(plane.db, live)).toMatchObject({ version: hanging, generation: 2 });
  expect(await listMoves(plane.db, live, { limit: 10 })).toHaveLength(2);
  const next = await accepted(plane, tenant, { files: { 'config.json': '{"a":3}' } });
  expect((await settled(plane, tenant, next)).outcome).toBe('published');
  await readyWithWorker('ok');
  expect((await doctor()).stdout).toMatch(/✓ {2}worker +responds through Restate/);
  // The checks of the doctor leave no invocations in Restate, which would confuse operators.
  const traces = (): Promise<unknown[]> =>
    plane.admin.query(`SELECT id FROM sys_invocation WHERE target_service_name = 'Worker'`);
  await eventually(async () => (await traces()).length === 0, {
    what: 'no invocation of the doctor is left',
  });
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});

test('a publish whose caller was told that nothing is known is not admitted later, and the repeated request is', async () => {
  const tenant = await newTenant(plane);
  const publish = () =>
    api.call('POST', `/v1/tenants/${tenant}/bundles/bundle/releases`, {
      json: { files: { 'config.json': '{"a":1}' } },
      headers: { 'idempotency-key': 'once' },
    });
  const releases = () => listReleases(plane.db, tenant, 'bundle', { limit: 10 });
  const waiting = () =>
    plane.admin.query(
      `SELECT id FROM sys_invocation WHERE target_service_key = '${tenant}' AND status <> 'completed'`,
    );
  const { pid } = plane.worker;
  process.kill(pid, 'SIGSTOP');
  const lost = await publish();
  expect(lost.status).toBe(503);
  expect(lost.json).toMatchObject({ code: 'unavailable' });
  expect(await waiting()).toHaveLength(1);
  process.kill(pid, 'SIGCONT');
  await eventually(async () => (await waiting()).length === 0, { what: 'the late call has ended' });
  expect(await releases()).toEqual([]);
  const again = await publish();
  expect(again.status, again.text).toBe(202);
  expect((await settled(plane, tenant, Number(again.json['version']))).outcome).toBe('published');
  expect(await releases()).toHaveLength(1);
});
