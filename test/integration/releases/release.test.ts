import { afterEach, beforeAll, describe, expect, test } from 'vitest';

import { type MoveRequest, Tenant } from '../../../handlers/contract/tenant.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { findPointer, listMoves } from '../../../services/postgres/channels/pointers.ts';
import { findRelease, listReleases } from '../../../services/postgres/releases/releases.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  publish,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { standstill } from '../../support/servers/standstill.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await sharedControlPlane();
});
afterEach(async () => {
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});

const live = (tenant: string, channel = 'live') => ({ tenant, bundle: 'bundle', channel });
const file = (text: string) => ({ files: { 'config.json': JSON.stringify({ text }) } });

function byHand(bundle: string, asked: Partial<MoveRequest> & { version: number }): MoveRequest {
  return {
    bundle,
    channel: 'live',
    createChannel: true,
    ifGeneration: null,
    hold: null,
    why: 'test',
    by: 'test',
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf(JSON.stringify(asked)),
    requestId: 'test',
    ...asked,
  };
}

describe('a publish', () => {
  test('moves the pointer once and settles as published, with every stage and effect on record', async () => {
    const tenant = await newTenant(plane);
    const version = await accepted(plane, tenant);
    const release = await settled(plane, tenant, version);
    expect(release).toMatchObject({
      outcome: 'published',
      generation: 1,
      stage: null,
      reason: null,
      waitingFor: [],
      // No stage verifies a release yet, so the database must not record it as verified.
      verification: 'skipped',
    });
    expect(release.stages.map(({ stage, state }) => `${stage} ${state}`)).toEqual([
      ...['validate', 'compile', 'store', 'gate', 'swap', 'announce'].map((stage) => `${stage} passed`),
      'verify skipped',
    ]);
    expect(release.effects.map(({ effect, state }) => `${effect} ${state}`).toSorted()).toEqual([
      'announcement done',
      'artifact-claim done',
      'pointer-move done',
    ]);
    expect(await findPointer(plane.db, live(tenant))).toMatchObject({
      version,
      generation: 1,
      digest: release.digest,
    });
  });

  test('of an invalid source settles as rejected with the location of the mistake, and does not move the pointer', async () => {
    const tenant = await newTenant(plane);
    await settled(plane, tenant, await accepted(plane, tenant));
    const version = await accepted(plane, tenant, { files: { 'config.json': '{"a":' } });
    const release = await settled(plane, tenant, version);
    expect(release.outcome).toBe('rejected');
    expect(release.reason).toContain('config.json:1:');
    expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version: 1, generation: 1 });
  });

  test('with an outdated expected generation is refused immediately', async () => {
    const tenant = await newTenant(plane);
    await settled(plane, tenant, await accepted(plane, tenant));
    const answer = await publish(plane, tenant, { ifGeneration: 0 });
    expect(answer).toMatchObject({ kind: 'stale', pointer: { generation: 1, version: 1 } });
    expect(await listReleases(plane.db, tenant, 'bundle', { limit: 10 })).toHaveLength(1);
  });
});

describe('an idempotency key', () => {
  test('that 20 clients send at the same time creates one release', async () => {
    const tenant = await newTenant(plane);
    const asked = { idempotencyKey: 'one', ...file('same') };
    const answers = await Promise.all(Array.from({ length: 20 }, () => publish(plane, tenant, asked)));
    expect(
      new Set(answers.map((answer) => (answer.kind === 'accepted' ? answer.version : answer.kind))),
    ).toEqual(new Set([1]));
    expect(answers.filter((answer) => answer.kind === 'accepted' && !answer.replayed)).toHaveLength(1);
    await settled(plane, tenant, 1);
    expect(await listReleases(plane.db, tenant, 'bundle', { limit: 10 })).toHaveLength(1);
  });

  test('is refused for another request, and no version number is used up', async () => {
    const tenant = await newTenant(plane);
    await accepted(plane, tenant, { idempotencyKey: 'one', ...file('a') });
    expect(await publish(plane, tenant, { idempotencyKey: 'one', ...file('b') })).toEqual({
      kind: 'key_reused',
    });
    expect(await accepted(plane, tenant, file('c'))).toBe(2);
    await settled(plane, tenant, 2);
  });

  test('belongs to one tenant: the same key from another tenant belongs to another request', async () => {
    const [a, b] = [await newTenant(plane), await newTenant(plane)];
    await accepted(plane, a, { idempotencyKey: 'one', ...file('a') });
    expect(await publish(plane, b, { idempotencyKey: 'one', ...file('b') })).toMatchObject({
      kind: 'accepted',
      replayed: false,
    });
    await Promise.all([settled(plane, a, 1), settled(plane, b, 1)]);
  });
});

describe('concurrent publishes', () => {
  test('under the conflict rule “supersede” leave one of 50 releases live, with a linear history and an outcome for each release', async () => {
    const tenant = await newTenant(plane);
    const first = await settled(plane, tenant, await accepted(plane, tenant, file('first')));
    // The second release has claimed its artifact but can't become live while the pointer is locked. The others
    // arrive in the meantime.
    const { claimed, others } = await standstill(plane).whilePointerLocked(tenant, async () => {
      const second = await accepted(plane, tenant, file('second'));
      await eventually(
        async () => (await findRelease(plane.db, { tenant, bundle: 'bundle', version: second }))?.digest,
        { what: 'an artifact that is claimed' },
      );
      const coming = Array.from({ length: 49 }, (_none, i) => accepted(plane, tenant, file(`v${i}`)));
      await Promise.any(coming);
      return { claimed: second, others: coming };
    });
    const versions = [claimed, ...(await Promise.all(others))];
    expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_none, i) => i + 2));
    const releases = await Promise.all(versions.map((version) => settled(plane, tenant, version)));
    for (const release of releases) expect(['published', 'superseded']).toContain(release.outcome);
    expect(releases.find(({ version }) => version === 51)?.outcome).toBe('published');
    expect(releases.find(({ version }) => version === claimed)).toMatchObject({
      outcome: 'superseded',
      effects: [{ effect: 'artifact-claim', state: 'compensated' }],
    });
    expect(await findPointer(plane.db, live(tenant))).toMatchObject({ version: 51 });
    const moves = await listMoves(plane.db, live(tenant), { limit: 100 });
    const published = [first, ...releases].filter((release) => release.outcome === 'published');
    expect(moves).toHaveLength(published.length);
    const order = moves.map((move) => move.to.version);
    expect(order).toEqual(order.toSorted((a, b) => b - a));
  });

  test('under the conflict rule “queue” are published one after the other, in the order of their version numbers', async () => {
    const tenant = await newTenant(plane);
    const versions = await Promise.all(
      Array.from({ length: 8 }, (_none, i) =>
        accepted(plane, tenant, { onConflict: 'queue', ...file(`q${i}`) }),
      ),
    );
    const releases = await Promise.all(versions.map((version) => settled(plane, tenant, version)));
    expect(new Set(releases.map((release) => release.outcome))).toEqual(new Set(['published']));
    const moves = await listMoves(plane.db, live(tenant), { limit: 100 });
    expect(moves.map((move) => move.to.version)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
  });

  test('under the conflict rule “reject” are accepted one at a time; the others get the version in flight and use up no version number', async () => {
    const tenant = await newTenant(plane);
    await settled(plane, tenant, await accepted(plane, tenant, file('first')));
    const answers = await standstill(plane).whilePointerLocked(tenant, () =>
      Promise.all(
        Array.from({ length: 8 }, (_none, i) =>
          publish(plane, tenant, { onConflict: 'reject', ...file(`r${i}`) }),
        ),
      ),
    );
    const accepting = { kind: 'accepted', version: 2, replayed: false };
    expect(answers.filter(({ kind }) => kind === 'accepted')).toMatchObject([accepting]);
    expect(answers.filter(({ kind }) => kind !== 'accepted')).toEqual(
      Array.from({ length: 7 }, () => ({ kind: 'conflict', version: 2 })),
    );
    await settled(plane, tenant, 2);
    expect(await accepted(plane, tenant, file('next'))).toBe(3);
    await settled(plane, tenant, 3);
  });

  test('on two channels do not conflict', async () => {
    const tenant = await newTenant(plane);
    const a = await accepted(plane, tenant, { onConflict: 'reject', ...file('a') });
    const b = await accepted(plane, tenant, { onConflict: 'reject', channel: 'staging', ...file('b') });
    expect((await settled(plane, tenant, a)).outcome).toBe('published');
    expect((await settled(plane, tenant, b)).outcome).toBe('published');
    expect(await findPointer(plane.db, live(tenant, 'staging'))).toMatchObject({ version: b, generation: 1 });
  });
});

describe('the cancellation of a release', () => {
  test('that is queued settles it as cancelled, and the queue continues', async () => {
    const tenant = await newTenant(plane);
    await settled(plane, tenant, await accepted(plane, tenant, file('one')));
    const cancel = (version: number) =>
      plane.ingress.client(Tenant, tenant).cancel({ bundle: 'bundle', version, by: 'ann', reason: 'typo' });
    await standstill(plane).whilePointerLocked(tenant, async () => {
      for (const text of ['two', 'three', 'four'])
        await accepted(plane, tenant, { onConflict: 'queue', ...file(text) });
      expect((await findRelease(plane.db, { tenant, bundle: 'bundle', version: 3 }))?.status).toBe('queued');
      expect(await cancel(3)).toEqual({ kind: 'cancelling' });
      expect(await cancel(3)).toEqual({ kind: 'cancelling' });
      expect(await settled(plane, tenant, 3)).toMatchObject({
        outcome: 'cancelled',
        reason: 'cancelled by ann: typo',
      });
    });
    for (const version of [2, 4]) expect((await settled(plane, tenant, version)).outcome).toBe('published');
  });

  test('that has settled returns its outcome', async () => {
    const tenant = await newTenant(plane);
    await settled(plane, tenant, await accepted(plane, tenant));
    const ask = (version: number) =>
      plane.ingress.client(Tenant, tenant).cancel({ bundle: 'bundle', version, by: 'ann', reason: null });
    expect(await ask(1)).toEqual({ kind: 'settled', outcome: 'published' });
    expect(await ask(2)).toEqual({ kind: 'no_release' });
  });
});

describe('a move by hand', () => {
  test('that rolls back points the pointer to the existing artifact without a new compilation', async () => {
    const tenant = await newTenant(plane);
    const first = await settled(plane, tenant, await accepted(plane, tenant, file('one')));
    await settled(plane, tenant, await accepted(plane, tenant, file('two')));
    const answer = await plane.ingress
      .client(Tenant, tenant)
      .move(byHand('bundle', { version: 1, why: 'bad answers' }));
    expect(answer).toMatchObject({
      kind: 'moved',
      pointer: { version: 1, digest: first.digest, generation: 3 },
    });
    const [move] = await listMoves(plane.db, live(tenant), { limit: 1 });
    expect(move).toMatchObject({ from: { version: 2 }, to: { version: 1 }, why: 'bad answers' });
  });

  test('that rolls back with a hold stops every publish until the hold is lifted', async () => {
    const tenant = await newTenant(plane);
    await settled(plane, tenant, await accepted(plane, tenant, file('one')));
    await settled(plane, tenant, await accepted(plane, tenant, file('two')));
    const client = plane.ingress.client(Tenant, tenant);
    await client.move(byHand('bundle', { version: 1, hold: 'incident 7' }));
    expect(await publish(plane, tenant, file('three'))).toEqual({ kind: 'held', reason: 'incident 7' });
    expect(await client.move(byHand('bundle', { version: 2 }))).toEqual({
      kind: 'held',
      reason: 'incident 7',
    });
    const { version: _version, ...lift } = byHand('bundle', { version: 1 });
    await client.hold({ ...lift, reason: null });
    const version = await accepted(plane, tenant, file('three'));
    expect((await settled(plane, tenant, version)).outcome).toBe('published');
  });

  test('to a release that was not published is refused', async () => {
    const tenant = await newTenant(plane);
    await settled(plane, tenant, await accepted(plane, tenant, { files: { 'a.json': '{' } }));
    const answer = await plane.ingress.client(Tenant, tenant).move(byHand('bundle', { version: 1 }));
    expect(answer).toEqual({ kind: 'not_promotable', outcome: 'rejected' });
    expect(await findPointer(plane.db, live(tenant))).toMatchObject({ generation: 0, version: null });
  });

  test('that promotes uses the artifact of the other channel without a new release', async () => {
    const tenant = await newTenant(plane);
    const staged = await settled(plane, tenant, await accepted(plane, tenant, { channel: 'staging' }));
    const answer = await plane.ingress
      .client(Tenant, tenant)
      .move(byHand('bundle', { version: 1, channel: 'live' }));
    expect(answer).toMatchObject({
      kind: 'moved',
      pointer: { version: 1, digest: staged.digest, generation: 1 },
    });
    expect(await listReleases(plane.db, tenant, 'bundle', { limit: 10 })).toHaveLength(1);
  });
});

test('the same source gives the same artifact for every tenant', async () => {
  const [a, b] = [await newTenant(plane), await newTenant(plane)];
  const files = { 'b.yaml': 'x: 1\n', 'a.json': '{"y":2}' };
  const one = await settled(plane, a, await accepted(plane, a, { files }));
  const reordered = { 'a.json': files['a.json'], 'b.yaml': files['b.yaml'] };
  const two = await settled(plane, b, await accepted(plane, b, { files: reordered }));
  expect(one.digest).toBe(two.digest);
  expect(await findRelease(plane.db, { tenant: a, bundle: 'bundle', version: 2 })).toBeNull();
});
