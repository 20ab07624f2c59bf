import { readFile } from 'node:fs/promises';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { fetchLimits } from '../../../services/hooks/limits.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { archiveOf, bombArchive } from '../../support/data/archives.ts';
import { flood } from '../../support/servers/code-host.ts';
import { accepted, settled } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import {
  type PushedTenant,
  type PushedWorld,
  REPOSITORY,
  startPushedWorld,
} from '../../support/worlds/pushed-world.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { standstill } from '../../support/servers/standstill.ts';

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

describe('a push', () => {
  test('is fetched and published when it is signed, and its commit gets a pending status and then the outcome', async () => {
    const commit = await tenant.commit(VALID);
    const go = world.host.hold(`/codeload/${commit}`);
    await tenant.push(commit);
    await world.host.statusesUntil(commit, 'pending');
    go();
    const { version } = await tenant.delivery(commit, isPublished);
    expect(await end(version!)).toMatchObject({
      outcome: 'published',
      by: 'hook/main',
      origin: { hook: 'main', repository: REPOSITORY, ref: 'refs/heads/main', commit },
      message: `Change ${commit.slice(0, 7)}`,
    });
    const file = await world.api.call(
      'GET',
      `/v1/tenants/${tenant.name}/bundles/bundle/channels/live/files/config.json`,
    );
    expect(file.text).toBe('{"a":1}');
    const context = 'pointsman/bundle/live';
    expect(await world.host.statusesUntil(commit, 'success')).toEqual([
      expect.objectContaining({ state: 'pending', context }),
      {
        state: 'success',
        context,
        description: 'published as v1',
        target_url: `https://points.example/v1/tenants/${tenant.name}/bundles/bundle/releases/1`,
      },
    ]);
    await eventually(
      async () =>
        (
          await findRelease(world.plane.db, { tenant: tenant.name, bundle: 'bundle', version: 1 })
        )?.effects.find(({ effect, state }) => effect === 'commit-status' && state === 'done'),
      { what: 'the ledger has the status' },
    );
  });

  test('is fetched with the token of the hook, which is not sent to the archive host', async () => {
    const commit = await tenant.pushed(VALID);
    await tenant.delivery(commit, isPublished);
    const [asked] = world.host.arrived(`/tarball/${commit}`);
    const [sentOn] = world.host.arrived(`/codeload/${commit}`);
    expect(asked?.headers).toMatchObject({ authorization: 'Bearer ghs_secret' });
    expect(sentOn?.headers['authorization']).toBeUndefined();
  });

  test('is published once when it is delivered again, and the second response has the state of the first delivery', async () => {
    const commit = await tenant.commit(VALID);
    expect(await tenant.push(commit, { delivery: 'one' })).toMatchObject({
      status: 202,
      json: { kind: 'accepted', delivery: 'one', state: 'received' },
    });
    await tenant.delivery(commit, isPublished);
    await end(1);
    const again = await tenant.push(commit, { delivery: 'one' });
    const location = `/v1/tenants/${tenant.name}/bundles/bundle/releases/1`;
    expect([again.status, again.headers.get('idempotency-replayed'), again.json]).toEqual([
      200,
      'true',
      { kind: 'accepted', delivery: 'one', state: 'published', location, replayed: true },
    ]);
    expect(await tenant.push(commit, { delivery: 'one', ref: 'refs/heads/x' })).toMatchObject({
      status: 422,
      json: { code: 'idempotency_key_reused' },
    });
    expect(world.host.arrived(`/codeload/${commit}`)).toHaveLength(1);
    expect(await releases()).toHaveLength(1);
  });

  test('is superseded by a newer push, and its commit gets that status', async () => {
    const [first, second] = await standstill(world.plane).whileStagesLocked(async () => {
      const one = await tenant.pushed(VALID);
      await tenant.delivery(one, isPublished);
      const two = await tenant.pushed({ 'config.json': '{"a":2}' });
      await tenant.delivery(two, isPublished);
      return [one, two];
    });
    expect([(await end(1)).outcome, (await end(2)).outcome]).toEqual(['superseded', 'published']);
    expect((await world.host.statusesUntil(first, 'failure')).at(-1)?.description).toBe(
      'superseded: superseded by v2',
    );
    expect((await world.host.statusesUntil(second, 'success')).at(-1)?.description).toBe('published as v2');
  });

  test('with a source that does not compile becomes a rejected release, and its commit status has the first mistake', async () => {
    const commit = await tenant.pushed({ 'config.json': '{"a":' });
    const { version } = await tenant.delivery(commit, isPublished);
    const { outcome, reason } = await end(version!);
    expect(outcome).toBe('rejected');
    const last = (await world.host.statusesUntil(commit, 'failure')).at(-1);
    expect(`rejected: ${reason}`).toContain(last?.description?.replace(/…$/, ''));
  });

  test('publishes only the folder of the hook, to the bundle and channel of the hook', async () => {
    await tenant.setHook({ path: 'config', channel: 'staging', ref: 'refs/tags/v*' });
    const commit = await tenant.commit({ 'README.md': 'x', 'config/a.json': '{"b":2}' });
    await tenant.push(commit, { ref: 'refs/tags/v1' });
    await tenant.delivery(commit, isPublished);
    await end(1);
    const path = `/v1/tenants/${tenant.name}/bundles/bundle/channels/staging/files`;
    expect((await world.api.call('GET', `${path}/a.json`)).text).toBe('{"b":2}');
    expect((await world.api.call('GET', `${path}/README.md`)).status).toBe(404);
  });

  test('to an unknown channel of the bundle is refused, and the error lists the existing channels, unless the hook creates the channel', async () => {
    await tenant.setHook({ channel: 'staging' });
    await settled(world.plane, tenant.name, await accepted(world.plane, tenant.name));
    const refused = await tenant.pushed(VALID);
    const reason = '"bundle" has no channel "staging". It has: live.';
    expect((await tenant.delivery(refused, isOver)).state).toBe('refused');
    expect((await tenant.delivery(refused, isOver)).reason).toContain(reason);
    expect((await tenant.setHook({ channel: 'staging' })).json).toMatchObject({ code: 'unknown_channel' });
    expect((await tenant.setHook({ channel: 'staging', createChannel: true })).status).toBe(200);
    const { version } = await tenant.delivery(await tenant.pushed({ 'config.json': '{"a":3}' }), isOver);
    expect(await end(version!)).toMatchObject({ outcome: 'published', channel: 'staging' });
  });
});

/** The current (VmRSS) or maximum (VmHWM) resident memory of the worker in bytes. */
async function workerMemory(what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${world.plane.worker.pid}/status`, 'utf8');
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1_024;
}

describe('a push to a hook', () => {
  test.each([
    ['of another ref', { ref: 'refs/heads/other' }],
    ['that deletes the ref', { payload: { deleted: true, after: '0'.repeat(40), head_commit: null } }],
    ['that changes nothing in the folder', { payload: { commits: [{ added: ['README.md'] }] } }],
  ])('%s is ignored, and recorded with the reason', async (_what, over) => {
    await tenant.setHook({ path: 'config' });
    const answer = await tenant.push('a'.repeat(40), over);
    expect(answer).toMatchObject({ status: 200, json: { kind: 'ignored', why: expect.any(String) } });
    const listed = await world.api.call('GET', `${tenant.path}/deliveries`);
    expect(listed.json['items']).toMatchObject([{ state: 'ignored', reason: answer.json['why'] }]);
    expect(world.host.arrived('a'.repeat(40))).toEqual([]);
  });

  test('is refused when it names another repository, with the expected repository in the error', async () => {
    const answer = await tenant.push('a'.repeat(40), {
      payload: { repository: { full_name: 'octo/other' } },
    });
    expect(answer).toMatchObject({ status: 422, json: { code: 'unknown_repository' } });
    expect(answer.json['detail']).toContain(REPOSITORY);
  });

  const linked = [
    { name: 'top/config.json', content: '{}' },
    { name: 'top/link', type: 'symlink', linkname: '/etc/passwd' } as const,
  ];
  test.each([
    ['with a link in it', () => archiveOf(linked), 'link: only files can be part of a source'],
    ['with a path outside of its folder', () => archiveOf([{ name: 'top/../../evil', content: 'x' }]), '..'],
    ['that unpacks to far more than its own size', bombArchive, 'bytes'],
    ['in another format', async () => Buffer.from('<html>not found</html>'), 'not a tar.gz file'],
  ] as const)('is refused for an archive %s, and its commit gets the reason', async (_what, archive, why) => {
    const commit = await tenant.pushed(await archive());
    const { reason } = await tenant.delivery(commit, ({ state }) => state === 'refused');
    expect(reason).toContain(why);
    expect((await world.host.statusesUntil(commit, 'failure')).at(-1)).toMatchObject({
      state: 'failure',
      description: expect.stringMatching(/^rejected: /),
    });
    expect(await releases()).toEqual([]);
  });

  test('is refused if its archive is too large, its commit gets the reason, and the archive is read only up to the limit', async () => {
    const commit = await tenant.commit(VALID);
    const { answer, sent } = flood(16 * fetchLimits.archiveBytes);
    world.host.next(`/codeload/${commit}`, answer);
    const before = await workerMemory('VmRSS');
    await tenant.push(commit);
    const reason = `the archive is larger than the limit of ${fetchLimits.archiveBytes} bytes`;
    expect(await tenant.delivery(commit, isOver)).toMatchObject({ state: 'refused', reason });
    // The host has sent more than the limit, because the socket buffers of both sides accepted some bytes.
    expect(sent()).toBeGreaterThan(fetchLimits.archiveBytes);
    expect(sent()).toBeLessThan(2 * fetchLimits.archiveBytes);
    expect((await workerMemory('VmHWM')) - before).toBeLessThan(4 * fetchLimits.archiveBytes);
    expect((await world.host.statusesUntil(commit, 'failure')).at(-1)?.description).toBe(
      `rejected: ${reason}`,
    );
    expect(world.host.arrived(`/codeload/${commit}`)).toHaveLength(1);
    expect(await releases()).toEqual([]);
  });

  test('fails when the Git host does not have its commit, and its commit gets an error status', async () => {
    const commit = 'd'.repeat(40);
    await tenant.push(commit);
    expect(await tenant.delivery(commit, isOver)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('404'),
    });
    expect((await world.host.statusesUntil(commit, 'error')).at(-1)?.description).toContain('404');
  });
});
