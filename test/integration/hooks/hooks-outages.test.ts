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
  world = await startPushedWorld({ ownPlane: true });
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

describe('a Git host that fails', () => {
  test('gets the request for a source again after an error, no sooner than its Retry-After, and the push is then published', async () => {
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

  test('gets a refused commit status again, no sooner than its Retry-After', async () => {
    const commit = await tenant.commit(VALID);
    world.host.next(`/statuses/${commit}`, answerWith(429, { 'retry-after': '5' }));
    world.host.next(`/statuses/${commit}`, answerWith(503));
    await tenant.push(commit);
    await tenant.delivery(commit, isPublished);
    expect((await world.host.statusesUntil(commit, 'success')).at(-1)?.description).toBe('published as v1');
    expect(gapsMs(world.host.arrived(`/statuses/${commit}`))[0]).toBeGreaterThanOrEqual(5_000);
  });

  test('does not stop the release when it refuses every commit status, and the ledger records the failure', async () => {
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
      { what: 'the ledger has the failure' },
    );
  });
});

describe('a push during an outage', () => {
  test('is published once when the worker is killed with SIGKILL during the fetch', async () => {
    const commit = await tenant.commit(VALID);
    world.host.next(`/codeload/${commit}`, silence);
    await tenant.push(commit);
    await eventually(async () => world.host.arrived(`/codeload/${commit}`).length === 1, {
      what: 'the worker fetches the source',
    });
    await world.plane.worker.kill();
    await tenant.delivery(commit, isPublished);
    expect((await end(1)).outcome).toBe('published');
    expect(await releases()).toHaveLength(1);
    expect((await world.host.statusesUntil(commit, 'success')).at(-1)?.description).toBe('published as v1');
  });

  // If the worker dies before it has recorded a sent status, it sends the status again. The second request is
  // identical, so it changes nothing.
  test('has its commit status sent again when the worker is killed with SIGKILL before recording that status', async () => {
    const commit = await tenant.commit(VALID);
    const go = world.host.hold(`/codeload/${commit}`);
    await tenant.push(commit);
    await world.host.statusesUntil(commit, 'pending');
    world.host.next(`/statuses/${commit}`, silence);
    go();
    await tenant.delivery(commit, isPublished);
    await end(1);
    await world.host.statusesUntil(commit, 'success');
    await world.plane.worker.kill();
    const isSaidTwice = async () =>
      world.host.allStatuses(commit).filter(({ state }) => state === 'success').length >= 2;
    await eventually(isSaidTwice, { what: 'the status is sent again', withinMs: 60_000 });
    // `statusesUntil` returns consecutive duplicates only once.
    expect((await world.host.statusesUntil(commit, 'success')).map(({ state }) => state)).toEqual([
      'pending',
      'success',
    ]);
  });

  test('is recorded while Restate is down, and published when Restate is back', async () => {
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

  test('fails when an operator kills its invocation, and its commit gets an error status', async () => {
    const commit = await tenant.commit(VALID);
    world.host.next(`/codeload/${commit}`, silence);
    await tenant.push(commit, { delivery: 'killed' });
    await eventually(async () => world.host.arrived(`/codeload/${commit}`).length === 1, {
      what: 'the worker fetches the source',
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
    expect((await world.host.statusesUntil(commit, 'error')).at(-1)?.description).toContain('killed');
  });
});
