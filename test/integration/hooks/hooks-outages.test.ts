import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { deliveryKey } from '../../../packages/protocol/hook.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { answerWith, silence } from '../../support/servers/code-host.ts';
import { settled } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { gapsMs } from '../../support/servers/outside-server.ts';
import { type PushedTenant, type PushedWorld, startPushedWorld } from '../../support/worlds/pushed-world.ts';
import { contradictions } from '../../support/runs/record-check.ts';

const VALID = { 'config.json': '{"a":1}' };

let world: PushedWorld;
let tenant: PushedTenant;

beforeAll(async () => {
  world = await startPushedWorld();
});
beforeEach(async () => {
  tenant = await world.tenant();
});
afterEach(async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => world.stop());

const isPublished = ({ state }: { state: string }) => state === 'published';
const isOver = ({ state }: { state: string }) => state !== 'received' && state !== 'fetching';
const end = (version: number) => settled(world.plane, tenant.name, version);
const releases = async () => {
  const answer = await world.api.call('GET', `/v1/tenants/${tenant.name}/bundles/bundle/releases`);
  return (answer.json['items'] ?? []) as unknown[];
};

describe('a host that is not well', () => {
  test('is asked again when it breaks, and when it has too much to do no sooner than it asks for, and the push is published then', async () => {
    const commit = await tenant.commit(VALID);
    world.host.next(`/tarball/${commit}`, answerWith(429, { 'retry-after': '5' }));
    world.host.next(`/codeload/${commit}`, answerWith(500));
    await tenant.push(commit);
    await tenant.delivery(commit, isPublished);
    expect((await end(1)).outcome).toBe('published');
    const asked = world.host.arrived(`/tarball/${commit}`);
    expect(asked).toHaveLength(3);
    expect(gapsMs(asked)[0]).toBeGreaterThanOrEqual(5_000);
  });

  test('is told a status again when it did not take it, no sooner than it asks for', async () => {
    const commit = await tenant.commit(VALID);
    world.host.next(`/statuses/${commit}`, answerWith(429, { 'retry-after': '5' }));
    world.host.next(`/statuses/${commit}`, answerWith(503));
    await tenant.push(commit);
    await tenant.delivery(commit, isPublished);
    expect((await world.host.told(commit, 'success')).at(-1)?.description).toBe('published as v1');
    expect(gapsMs(world.host.arrived(`/statuses/${commit}`))[0]).toBeGreaterThanOrEqual(5_000);
  });

  test('that never takes a status keeps no release from ending: the ledger says that it was not told', async () => {
    const commit = await tenant.commit(VALID);
    world.host.next(`/statuses/${commit}`, answerWith(404));
    world.host.next(`/statuses/${commit}`, answerWith(404));
    await tenant.push(commit);
    await tenant.delivery(commit, isPublished);
    expect((await end(1)).outcome).toBe('published');
    const id = { tenant: tenant.name, bundle: 'bundle', version: 1 };
    await eventually(
      async () =>
        (await findRelease(world.plane.db, id))?.effects.find(
          ({ effect, state }) => effect === 'commit-status' && state === 'failed',
        ),
      { what: 'the ledger says so' },
    );
  });
});

describe('whatever dies', () => {
  test('a worker killed with -9 while it fetches: the push is published once all the same', async () => {
    const commit = await tenant.commit(VALID);
    world.host.next(`/codeload/${commit}`, silence);
    await tenant.push(commit);
    await eventually(async () => world.host.arrived(`/codeload/${commit}`).length === 1, {
      what: 'it fetches',
    });
    await world.plane.worker.kill();
    await tenant.delivery(commit, isPublished);
    expect((await end(1)).outcome).toBe('published');
    expect(await releases()).toHaveLength(1);
    expect((await world.host.told(commit, 'success')).at(-1)?.description).toBe('published as v1');
  });

  // What was said and not written down can only be said again: the same, so that it changes nothing.
  test('a worker killed with -9 after its word arrived and before that is on record says the same word again', async () => {
    const commit = await tenant.commit(VALID);
    const go = world.host.hold(`/codeload/${commit}`);
    await tenant.push(commit);
    await world.host.told(commit, 'pending');
    world.host.next(`/statuses/${commit}`, silence);
    go();
    await tenant.delivery(commit, isPublished);
    await end(1);
    await world.host.told(commit, 'success');
    await world.plane.worker.kill();
    const isSaidTwice = async () =>
      world.host.words(commit).filter(({ state }) => state === 'success').length >= 2;
    await eventually(isSaidTwice, { what: 'it says it again', withinMs: 60_000 });
    // Each word once, when what was said twice in a row is taken together.
    expect((await world.host.told(commit, 'success')).map(({ state }) => state)).toEqual([
      'pending',
      'success',
    ]);
  });

  test('a Restate that is down when a push arrives: it is on record, and published when it is back', async () => {
    await world.plane.restate.kill();
    const commit = await tenant.commit(VALID);
    try {
      expect((await tenant.push(commit)).status).toBe(202);
    } finally {
      await world.plane.restate.restart();
    }
    await tenant.delivery(commit, isPublished);
    expect((await end(1)).outcome).toBe('published');
  });

  test('a delivery that an operator kills has failed, and its commit is told so', async () => {
    const commit = await tenant.commit(VALID);
    world.host.next(`/codeload/${commit}`, silence);
    await tenant.push(commit, { delivery: 'killed' });
    await eventually(async () => world.host.arrived(`/codeload/${commit}`).length === 1, {
      what: 'it fetches',
    });
    const key = deliveryKey({ tenant: tenant.name, hook: 'main', delivery: 'killed' });
    const rows = await world.plane.admin.query(
      `SELECT id FROM sys_invocation WHERE target_service_name = 'HookDelivery' AND target_service_key = '${key}'`,
    );
    await world.plane.admin.killInvocation(String(rows[0]?.['id']));
    expect(await tenant.delivery(commit, isOver)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('killed'),
    });
    expect((await world.host.told(commit, 'error')).at(-1)?.description).toContain('killed');
  });
});
