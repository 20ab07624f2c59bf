import { afterAll, beforeAll, expect, test } from 'vitest';

import { listMoves } from '../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../services/postgres/releases/releases.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../support/worlds/control-plane.ts';
import { eventually } from '../support/runs/eventually.ts';
import { contradictions } from '../support/runs/record-check.ts';
import { standstill } from '../support/servers/standstill.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane.stop());

const file = (text: string) => ({ files: { 'config.json': JSON.stringify({ text }) } });

test('after Restate loses all its data, releases in flight and queued releases are published in their original order, and version numbering continues', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant, file('one')));
  const still = standstill(plane);
  await still.whilePointerLocked(tenant, async () => {
    for (const text of ['two', 'three', 'four'])
      await accepted(plane, tenant, { onConflict: 'queue', ...file(text) });
    await eventually(() => still.waitsForLock('move_by_release'), {
      what: 'a swap that waits for the pointer',
    });
    const inLine = await findRelease(plane.db, { tenant, bundle: 'bundle', version: 4 });
    expect(inLine?.status).toBe('queued');
    await plane.worker.down();
    await still.cutWaiting();
    await plane.restate.lose();
  });
  await plane.worker.start();
  for (const version of [2, 3, 4]) {
    expect((await settled(plane, tenant, version)).outcome).toBe('published');
  }
  const moves = await listMoves(plane.db, { tenant, bundle: 'bundle', channel: 'live' }, { limit: 10 });
  expect(moves.map((move) => move.to.version)).toEqual([4, 3, 2, 1]);
  expect(await accepted(plane, tenant, file('five'))).toBe(5);
  expect((await settled(plane, tenant, 5)).outcome).toBe('published');
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});
