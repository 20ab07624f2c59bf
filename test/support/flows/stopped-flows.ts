import { expect } from 'vitest';

import { Tenant } from '../../../handlers/contract/tenant.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { accepted, type ControlPlane, settled } from '../worlds/control-plane.ts';
import { waitingGates, withPolicy } from '../data/gates.ts';
import { file, type Flow, history, isAsleep } from './flows.ts';

const v = (tenant: string, version: number) => ({ tenant, bundle: 'bundle', version });

/**
 * Publishes the first release and waits until it sleeps at a gate. There it can be stopped, and it has effects that
 * must be undone.
 */
async function firstWaits(plane: ControlPlane, tenant: string): Promise<void> {
  await accepted(plane, tenant, file('first'));
  await waitingGates(plane, tenant, 1);
  await isAsleep(plane, tenant);
}

const gated = (plane: ControlPlane, tenant: string): Promise<void> =>
  withPolicy(plane, tenant, [{ approval: { name: 'release' } }]);

export const aSupersede: Flow = {
  name: 'a publish that supersedes a release in flight',
  holds:
    'the older release is superseded and undone without a move, and the newer release moves the pointer once',
  prepare: gated,
  async run(plane, tenant) {
    await firstWaits(plane, tenant);
    // The second release is published under a policy without gates, so it does not wait.
    await withPolicy(plane, tenant, []);
    await accepted(plane, tenant, file('second'));
    await settled(plane, tenant, 1);
    await settled(plane, tenant, 2);
  },
  async check(plane, tenant, at) {
    const older = await findRelease(plane.db, v(tenant, 1));
    expect(older, at).toMatchObject({
      outcome: 'superseded',
      reason: 'superseded by v2',
      effects: [{ effect: 'artifact-claim', state: 'compensated' }],
    });
    expect((await findRelease(plane.db, v(tenant, 2)))?.outcome, at).toBe('published');
    expect(await history(plane, tenant), at).toEqual([2]);
  },
  // The messages of the second publish, whose handler cancels the first release; the remaining steps of the first
  // release; and its notification of the tenant.
  concerns: ({ handler, occurrence, message }) =>
    (handler === 'Tenant/publish' && occurrence === 1) ||
    handler === 'Tenant/settled' ||
    (handler === 'Release/run' && occurrence === 0 && message > 8),
  atLeast: 10,
};

export const aCancel: Flow = {
  name: 'the cancellation of a release that waits',
  holds: 'the release is cancelled with its reason and undone, and the pointer does not move',
  prepare: gated,
  async run(plane, tenant) {
    await firstWaits(plane, tenant);
    await plane.ingress
      .client(Tenant, tenant)
      .cancel({ bundle: 'bundle', version: 1, by: 'ann', reason: 'not today' });
    await settled(plane, tenant, 1);
  },
  async check(plane, tenant, at) {
    const release = await findRelease(plane.db, v(tenant, 1));
    expect(release, at).toMatchObject({
      outcome: 'cancelled',
      effects: [{ effect: 'artifact-claim', state: 'compensated' }],
    });
    expect(release?.reason, at).toContain('not today');
    expect(await history(plane, tenant), at).toEqual([]);
    // `killAtEveryMessage` publishes again afterwards. That release is never approved, so it must have no gate.
    await withPolicy(plane, tenant, []);
  },
  concerns: ({ handler, message }) =>
    handler === 'Tenant/cancel' || (handler === 'Release/run' && message > 8),
  atLeast: 6,
};
