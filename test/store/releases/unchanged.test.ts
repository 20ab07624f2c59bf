import { afterEach, describe, expect, test } from 'vitest';

import { listMoves, findPointer } from '../../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { prepareRelease } from '../../../services/postgres/releases/stages.ts';
import { gatedStore } from '../../support/worlds/gated-store.ts';
import {
  admitted,
  handRequest,
  holdRequest,
  published,
  putCompilation,
  readyToSwap,
  times,
} from '../../support/worlds/store.ts';

const at = gatedStore();
const pointer = () => ({ tenant: at.tenant, bundle: 'bundle', channel: 'live' });
const moves = async () => (await listMoves(at.store.db, pointer(), { limit: 10 })).length;

/** Admits a release whose artifact is that of an earlier release, and prepares it. */
async function prepared(version: number, digest: string, asked: Parameters<typeof admitted>[2] = {}) {
  await admitted(at.store, at.release(version), asked);
  await putCompilation(at.store, at.release(version), [{ channel: null, digest }]);
  return prepareRelease(at.store.db, at.release(version), asked.channel ?? 'live', times);
}

afterEach(async () => {
  expect(await findPointer(at.store.db, pointer())).not.toBeNull();
});

describe('a release whose artifact is live already', () => {
  test('settles as unchanged: the pointer does not move, nobody is asked, and the version that is live is recorded, once', async () => {
    const digest = await published(at.store, at.release(1));
    await at.policy({ approval: { name: 'release' } });
    expect(await prepared(2, digest)).toEqual({ kind: 'prepared', gated: false });
    expect((await at.found(2)).gates).toEqual([]);
    expect(await at.swap(2, 1)).toEqual({ kind: 'unchanged', version: 1 });
    const settled = await findRelease(at.store.db, at.release(2));
    expect(settled).toMatchObject({
      status: 'settled',
      outcome: 'unchanged',
      sameAs: 1,
      reason: 'the same artifact is already live, as v1',
      generation: null,
      digest,
      verification: null,
      effects: [{ effect: 'artifact-claim', state: 'done' }],
    });
    expect(settled?.stages.map(({ stage, state }) => `${stage} ${state}`)).toEqual([
      'validate passed',
      'compile passed',
      'store passed',
      'gate skipped',
      'swap skipped',
      'announce skipped',
      'verify skipped',
    ]);
    expect(await at.swap(2, 1)).toEqual({ kind: 'unchanged', version: 1 });
    expect(await findRelease(at.store.db, at.release(2))).toEqual(settled);
    expect(await moves()).toBe(1);
    expect(await findPointer(at.store.db, pointer())).toMatchObject({ version: 1, generation: 1 });
  });

  test('settles as unchanged also if the pointer is held, because nothing moves', async () => {
    const digest = await published(at.store, at.release(1));
    await prepared(2, digest);
    await at.store.moves.setHold(holdRequest({ tenant: at.tenant, reason: 'incident' }));
    expect(await at.swap(2, 1)).toEqual({ kind: 'unchanged', version: 1 });
  });

  test('is refused if its author requires a generation that is no longer live', async () => {
    const digest = await published(at.store, at.release(1));
    await prepared(2, digest, { ifGeneration: 1 });
    await published(at.store, at.release(3), { expectedGeneration: 1 });
    await at.store.moves.moveByHand(handRequest({ tenant: at.tenant, version: 1 }));
    expect(await at.swap(2, 3)).toEqual({ kind: 'stale', generation: 3 });
  });

  test('waits at its gates after all if another artifact becomes live before its swap', async () => {
    const digest = await published(at.store, at.release(1));
    await at.policy({ approval: { name: 'release' } });
    await prepared(2, digest);
    await at.policy();
    await published(at.store, at.release(3), { expectedGeneration: 1 });
    const swap = { ...at.release(2), channel: 'live', expectedGeneration: 2, at: at.openedAt };
    expect(await at.store.moves.moveByRelease(swap)).toEqual({ kind: 'gates_open' });
    expect(await at.evaluate(2)).toMatchObject({ kind: 'waiting', gates: [{ gate: 'release' }] });
    expect(await at.store.moves.moveByRelease(swap)).toEqual({ kind: 'gates_open' });
    await at.say(2);
    expect(await at.evaluate(2)).toEqual({ kind: 'passed' });
    expect(await at.store.moves.moveByRelease(swap)).toMatchObject({ kind: 'moved', generation: 3 });
    expect(await moves()).toBe(3);
  });

  test('waits at its gates if it is scheduled, because another artifact may be live at its time', async () => {
    const digest = await published(at.store, at.release(1));
    await at.policy({ approval: { name: 'release' } });
    const notBefore = Date.now() + 3_600_000;
    expect(await prepared(2, digest, { notBefore })).toEqual({ kind: 'prepared', gated: true });
    expect((await at.found(2)).gates.map(({ gate }) => gate)).toEqual(['schedule', 'release']);
  });

  test('closes its gates if the artifact becomes live while it waits', async () => {
    await at.policy({ approval: { name: 'release' } });
    await published(at.store, at.release(1)).catch(() => null);
    await at.say(1);
    await at.evaluate(1);
    await at.swap(1, 0);
    const digest = await readyToSwap(at.store, at.release(2));
    await at.policy();
    await prepared(3, digest);
    expect(await at.swap(3, 1)).toMatchObject({ kind: 'moved', generation: 2 });
    expect(await at.swap(2, 2)).toEqual({ kind: 'unchanged', version: 3 });
    expect((await at.found(2)).gates).toMatchObject([{ gate: 'release', state: 'closed' }]);
  });
});

describe('the promotion of an unchanged release', () => {
  test('is refused with the version that has its artifact, and without one if no version has its artifact for that channel', async () => {
    const digest = await published(at.store, at.release(1), { channel: 'staging' });
    await prepared(2, digest, { channel: 'staging' });
    const swap = { ...at.release(2), channel: 'staging', expectedGeneration: 1, at: at.openedAt };
    expect(await at.store.moves.moveByRelease(swap)).toMatchObject({ kind: 'unchanged' });
    const promote = () =>
      at.store.moves.moveByHand(handRequest({ tenant: at.tenant, version: 2, channel: 'live' }));
    const refused = { kind: 'not_promotable', outcome: 'unchanged' };
    expect(await promote()).toEqual({ ...refused, sameAs: 1 });
    await at.store.owner.query(
      `UPDATE pointsman.release_artifacts SET channel = 'staging' WHERE tenant = $1 AND version = 1`,
      [at.tenant],
    );
    expect(await promote()).toEqual(refused);
    await published(at.store, at.release(3), { expectedGeneration: 0 });
  });
});
