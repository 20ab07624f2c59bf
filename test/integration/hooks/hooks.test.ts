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
  test('that is signed is fetched and published, and its commit hears first that it is on its way and then how it ended', async () => {
    const commit = await tenant.commit(VALID);
    const go = world.host.hold(`/codeload/${commit}`);
    await tenant.push(commit);
    await world.host.told(commit, 'pending');
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
    expect(await world.host.told(commit, 'success')).toEqual([
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
      { what: 'the ledger says so' },
    );
  });

  test('is fetched with the hook’s token, which the host of the archives is not told', async () => {
    const commit = await tenant.pushed(VALID);
    await tenant.delivery(commit, isPublished);
    const [asked] = world.host.arrived(`/tarball/${commit}`);
    const [sentOn] = world.host.arrived(`/codeload/${commit}`);
    expect(asked?.headers).toMatchObject({ authorization: 'Bearer ghs_secret' });
    expect(sentOn?.headers['authorization']).toBeUndefined();
  });

  test('that is delivered again does nothing again, and is told what became of the first', async () => {
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

  test('that a newer one overtakes is superseded, and its commit is told so', async () => {
    const [first, second] = await standstill(world.plane).whileStagesLocked(async () => {
      const one = await tenant.pushed(VALID);
      await tenant.delivery(one, isPublished);
      const two = await tenant.pushed({ 'config.json': '{"a":2}' });
      await tenant.delivery(two, isPublished);
      return [one, two];
    });
    expect([(await end(1)).outcome, (await end(2)).outcome]).toEqual(['superseded', 'published']);
    expect((await world.host.told(first, 'failure')).at(-1)?.description).toBe(
      'superseded: superseded by v2',
    );
    expect((await world.host.told(second, 'success')).at(-1)?.description).toBe('published as v2');
  });

  test('whose source does not compile gets a number and is rejected, and its commit hears the first mistake', async () => {
    const commit = await tenant.pushed({ 'config.json': '{"a":' });
    const { version } = await tenant.delivery(commit, isPublished);
    const { outcome, reason } = await end(version!);
    expect(outcome).toBe('rejected');
    const last = (await world.host.told(commit, 'failure')).at(-1);
    expect(`rejected: ${reason}`).toContain(last?.description?.replace(/…$/, ''));
  });

  test('publishes its folder alone, under the name and to the channel of the rule', async () => {
    await tenant.setHook({ path: 'config', channel: 'staging', ref: 'refs/tags/v*' });
    const commit = await tenant.commit({ 'README.md': 'x', 'config/a.json': '{"b":2}' });
    await tenant.push(commit, { ref: 'refs/tags/v1' });
    await tenant.delivery(commit, isPublished);
    await end(1);
    const path = `/v1/tenants/${tenant.name}/bundles/bundle/channels/staging/files`;
    expect((await world.api.call('GET', `${path}/a.json`)).text).toBe('{"b":2}');
    expect((await world.api.call('GET', `${path}/README.md`)).status).toBe(404);
  });

  test('to a channel that its bundle does not have is refused with those that it has, unless the hook creates it', async () => {
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

/** Bytes of the worker's memory, now or at most, as Linux counts them. */
async function workerMemory(what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${world.plane.worker.pid}/status`, 'utf8');
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1_024;
}

describe('a push that publishes nothing', () => {
  test.each([
    ['of another ref', { ref: 'refs/heads/other' }],
    ['that deletes the ref', { payload: { deleted: true, after: '0'.repeat(40), head_commit: null } }],
    ['that changes nothing in the folder', { payload: { commits: [{ added: ['README.md'] }] } }],
  ])('%s is ignored with the reason, and on record', async (_what, over) => {
    await tenant.setHook({ path: 'config' });
    const answer = await tenant.push('a'.repeat(40), over);
    expect(answer).toMatchObject({ status: 200, json: { kind: 'ignored', why: expect.any(String) } });
    const listed = await world.api.call('GET', `${tenant.path}/deliveries`);
    expect(listed.json['items']).toMatchObject([{ state: 'ignored', reason: answer.json['why'] }]);
    expect(world.host.arrived('a'.repeat(40))).toEqual([]);
  });

  test('of another repository is a mistake that its sender is told', async () => {
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
    ['that climbs out of itself', () => archiveOf([{ name: 'top/../../evil', content: 'x' }]), '..'],
    ['that unpacks to far more than it is', bombArchive, 'bytes'],
    ['that is no archive', async () => Buffer.from('<html>not found</html>'), 'not a tar.gz file'],
  ] as const)(
    'since its archive is one %s is refused, and its commit told why',
    async (_what, archive, why) => {
      const commit = await tenant.pushed(await archive());
      const { reason } = await tenant.delivery(commit, ({ state }) => state === 'refused');
      expect(reason).toContain(why);
      expect((await world.host.told(commit, 'failure')).at(-1)).toMatchObject({
        state: 'failure',
        description: expect.stringMatching(/^rejected: /),
      });
      expect(await releases()).toEqual([]);
    },
  );

  test('since its archive is larger than one may be is read no further than that, and its commit told why', async () => {
    const commit = await tenant.commit(VALID);
    const { answer, sent } = flood(16 * fetchLimits.archiveBytes);
    world.host.next(`/codeload/${commit}`, answer);
    const before = await workerMemory('VmRSS');
    await tenant.push(commit);
    const reason = `the archive is larger than the limit of ${fetchLimits.archiveBytes} bytes`;
    expect(await tenant.delivery(commit, isOver)).toMatchObject({ state: 'refused', reason });
    // What stands beyond is in the buffers of both sides' sockets.
    expect(sent()).toBeGreaterThan(fetchLimits.archiveBytes);
    expect(sent()).toBeLessThan(2 * fetchLimits.archiveBytes);
    expect((await workerMemory('VmHWM')) - before).toBeLessThan(4 * fetchLimits.archiveBytes);
    expect((await world.host.told(commit, 'failure')).at(-1)?.description).toBe(`rejected: ${reason}`);
    expect(world.host.arrived(`/codeload/${commit}`)).toHaveLength(1);
    expect(await releases()).toEqual([]);
  });

  test('since the host has no such commit has failed, and its commit is told that something broke', async () => {
    const commit = 'd'.repeat(40);
    await tenant.push(commit);
    expect(await tenant.delivery(commit, isOver)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('404'),
    });
    expect((await world.host.told(commit, 'error')).at(-1)?.description).toContain('404');
  });
});
