import { expect } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { type MoveRequest, Tenant } from '../../../handlers/contract/tenant.ts';
import { findPointer, listMoves } from '../../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { accepted, type ControlPlane, settled } from '../worlds/control-plane.ts';
import { say, waitingGates, withPolicy } from '../data/gates.ts';
import type { TraceLine } from '../processes/crash-plan.ts';
import { eventually } from '../runs/eventually.ts';
import { standstill } from '../servers/standstill.ts';

/**
 * A sequence of operations on one tenant. The worker sends the same messages in every run of a flow. Tests can therefore kill the worker at
 * each message, or let Restate replay the handlers after each step.
 */
export interface Flow {
  readonly name: string;
  /** The guarantee that must hold after a kill at any message, and after any replay. */
  readonly holds: string;
  readonly prepare: (plane: ControlPlane, tenant: string) => Promise<unknown>;
  readonly run: (plane: ControlPlane, tenant: string) => Promise<unknown>;
  readonly check: (plane: ControlPlane, tenant: string, at: string) => Promise<void>;
  /**
   * Selects the messages at which the worker is killed: all messages of the flow, or only those that no
   * other flow sends.
   */
  readonly concerns: (line: TraceLine) => boolean;
  /** The minimum number of messages at which the worker is killed. Fewer mean that the recording missed messages. */
  readonly atLeast: number;
}

const live = (tenant: string) => ({ tenant, bundle: 'bundle', channel: 'live' });
export const file = (text: string) => ({ files: { 'config.json': JSON.stringify({ text }) } });

export async function history(plane: ControlPlane, tenant: string): Promise<number[]> {
  const moves = await listMoves(plane.db, live(tenant), { limit: 20 });
  return moves.map((move) => move.to.version).toReversed();
}

async function publishedOnce(plane: ControlPlane, tenant: string): Promise<void> {
  await settled(plane, tenant, await accepted(plane, tenant, file('first')));
}

async function swapWaits(plane: ControlPlane): Promise<void> {
  await eventually(() => standstill(plane).waitsForLock('move_by_release'), { what: 'a swap that waits' });
}

export const aPublish: Flow = {
  name: 'a publish',
  holds: 'the release settles once and the pointer moves once',
  prepare: () => Promise.resolve(),
  run: async (plane, tenant) => settled(plane, tenant, await accepted(plane, tenant)),
  async check(plane, tenant, at) {
    const release = await findRelease(plane.db, { tenant, bundle: 'bundle', version: 1 });
    expect(release?.outcome, at).toBe('published');
    expect(await findPointer(plane.db, live(tenant)), at).toMatchObject({ version: 1, generation: 1 });
    expect(await history(plane, tenant), at).toEqual([1]);
  },
  concerns: () => true,
  atLeast: 18,
};

export const aLine: Flow = {
  name: 'two queued publishes',
  holds: 'both go live, in the order of the publishes',
  prepare: publishedOnce,
  async run(plane, tenant) {
    await standstill(plane).whilePointerLocked(tenant, async () => {
      // The third release must be admitted while the second one compiles. Once the second one waits for its swap, it
      // occupies the tenant's object, so the third could not be admitted.
      await accepted(plane, tenant, { onConflict: 'queue', ...file('second') });
      await accepted(plane, tenant, { onConflict: 'queue', ...file('third') });
      await swapWaits(plane);
    });
    for (const version of [2, 3]) await settled(plane, tenant, version);
  },
  async check(plane, tenant, at) {
    expect(await history(plane, tenant), at).toEqual([1, 2, 3]);
  },
  // The messages that put the second release of the queue in line, and those that start it.
  concerns: ({ handler, occurrence, message }) =>
    (handler === 'Tenant/publish' && occurrence === 1) ||
    (handler === 'Tenant/swap' && occurrence === 0 && message > 2),
  atLeast: 8,
};

export const aRefusal: Flow = {
  name: 'a publish whose pointer move is refused',
  holds: 'the release settles once, its artifact claim is undone, and the pointer does not move',
  prepare: publishedOnce,
  async run(plane, tenant) {
    const still = standstill(plane);
    await still.holdAfter(tenant, async () => {
      await accepted(plane, tenant, file('second'));
      await swapWaits(plane);
    });
    await settled(plane, tenant, 2);
    await still.sql((client) =>
      client.query(
        'UPDATE pointsman.pointers SET hold_reason = NULL, hold_by = NULL, hold_at = NULL WHERE tenant = $1',
        [tenant],
      ),
    );
  },
  async check(plane, tenant, at) {
    const release = await findRelease(plane.db, { tenant, bundle: 'bundle', version: 2 });
    expect(release, at).toMatchObject({
      outcome: 'rejected',
      effects: [{ effect: 'artifact-claim', state: 'compensated' }],
    });
    expect(await history(plane, tenant), at).toEqual([1]);
  },
  // The steps of the release after the result of its swap: close, undo, settle, notify the tenant.
  concerns: ({ handler, message }) => handler === 'Release/run' && message > 2,
  atLeast: 9,
};

function byHand(asked: Partial<MoveRequest>): MoveRequest {
  return {
    bundle: 'bundle',
    channel: 'live',
    version: 1,
    ifGeneration: null,
    hold: null,
    why: 'test',
    by: 'test',
    idempotencyKey: 'by-hand',
    fingerprint: digestOf('by-hand'),
    requestId: 'test',
    ...asked,
  };
}

export const aRollback: Flow = {
  name: 'a rollback with a hold, the lifting of the hold and a late cancellation',
  holds: 'the pointer moves back once, and is not held afterwards',
  async prepare(plane, tenant) {
    await publishedOnce(plane, tenant);
    await settled(plane, tenant, await accepted(plane, tenant, file('second')));
  },
  async run(plane, tenant) {
    const client = plane.ingress.client(Tenant, tenant);
    await client.move(byHand({ hold: 'incident' }));
    await client.hold({ ...byHand({ idempotencyKey: 'lift' }), reason: null });
    await client.cancel({ bundle: 'bundle', version: 2, by: 'test', reason: null });
  },
  async check(plane, tenant, at) {
    expect(await findPointer(plane.db, live(tenant)), at).toMatchObject({
      version: 1,
      generation: 3,
      hold: null,
    });
    expect(await history(plane, tenant), at).toEqual([1, 2, 1]);
  },
  concerns: () => true,
  atLeast: 10,
};

/**
 * Waits until release v1 sleeps at its gate. The database shows the gate slightly earlier. A decision in between
 * would change the messages that the worker sends.
 */
export async function isAsleep(plane: ControlPlane, tenant: string): Promise<void> {
  const sleeps = `SELECT j.id FROM sys_journal j JOIN sys_invocation i ON j.id = i.id
    WHERE i.target = 'Release/${tenant}/bundle/v1/run' AND j.entry_type = 'Command: Sleep'`;
  await eventually(async () => (await plane.admin.query(sleeps)).length > 0, {
    what: 'a release that waits',
  });
}

export const anApproval: Flow = {
  name: 'a publish that waits for an approval',
  holds: 'the release waits, the decision counts once, and the pointer moves once',
  prepare: (plane, tenant) => withPolicy(plane, tenant, [{ approval: { name: 'release' } }]),
  async run(plane, tenant) {
    await accepted(plane, tenant, file('first'));
    await waitingGates(plane, tenant, 1);
    await isAsleep(plane, tenant);
    expect(await say(plane, { tenant, bundle: 'bundle', version: 1 }, 'approve')).toMatchObject({
      kind: 'recorded',
      state: 'passed',
    });
    await settled(plane, tenant, 1);
  },
  async check(plane, tenant, at) {
    const release = await findRelease(plane.db, { tenant, bundle: 'bundle', version: 1 });
    expect(release?.outcome, at).toBe('published');
    expect(await history(plane, tenant), at).toEqual([1]);
    // `killAtEveryMessage` publishes again afterwards. That release is never approved, so it must have no gate.
    await withPolicy(plane, tenant, []);
  },
  concerns: ({ handler, message }) =>
    handler === 'Release/recordDecision' || (handler === 'Release/run' && message > 1),
  atLeast: 10,
};
