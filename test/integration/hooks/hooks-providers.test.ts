import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';

import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { openOutbound } from '../../../services/outbound/outbound.ts';
import { startRepositoryReader } from '../../../services/source-archive/repository-reader.ts';
import { hookDeliveries } from '../../../services/worker/hooks/deliveries.ts';
import { signatureHeaders } from '../../../packages/protocol/webhooks/sign.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import { answerWith } from '../../support/servers/code-host.ts';
import { settled } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { receive, setHook } from '../../support/data/hooks.ts';
import { range } from '../../support/data/outbound.ts';
import { type PushedTenant, type PushedWorld, startPushedWorld } from '../../support/worlds/pushed-world.ts';
import { contradictions } from '../../support/runs/record-check.ts';

const SECRET = 'the-secret-of-the-tests';
const GENERIC_SECRET = newWebhookSecret();
const VALID = { 'config.json': '{"a":1}' };

let world: PushedWorld;

beforeAll(async () => {
  world = await startPushedWorld();
});
afterEach(async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => world.stop());

const isOver = ({ state }: { state: string }) => state !== 'received' && state !== 'fetching';
const isPublished = ({ state }: { state: string }) => state === 'published';

describe('GitLab', () => {
  const hook = () => ({
    provider: 'gitlab',
    repository: 'group/sub/bot',
    apiUrl: world.host.gitlabApi,
    token: 'glpat-1',
  });

  async function push(tenant: PushedTenant, commit: string): Promise<void> {
    const body = JSON.stringify({
      ref: 'refs/heads/main',
      before: 'a'.repeat(40),
      after: commit,
      checkout_sha: commit,
      project: { path_with_namespace: 'group/sub/bot' },
      commits: [{ id: commit, message: 'From GitLab', added: ['config.json'], modified: [], removed: [] }],
      total_commits_count: 1,
    });
    const headers = {
      authorization: '',
      'content-type': 'application/json',
      'x-gitlab-event': 'Push Hook',
      'x-gitlab-token': SECRET,
      'x-gitlab-event-uuid': randomUUID(),
    };
    expect((await world.api.call('POST', `${tenant.path}/deliveries`, { headers, body })).status).toBe(202);
  }

  test('pushes are fetched, published and reported with the GitLab API and the token of the hook', async () => {
    const tenant = await world.tenant(hook());
    const commit = await tenant.commit(VALID);
    await push(tenant, commit);
    const { subject } = await tenant.delivery(commit, isPublished);
    expect(subject).toBe('From GitLab');
    expect((await settled(world.plane, tenant.name, 1)).outcome).toBe('published');
    expect((await world.host.statusesUntil(commit, 'success')).at(-1)).toMatchObject({
      name: 'pointsman/bundle/live',
      ref: 'main',
    });
    const api = '/api/v4/projects/group%2Fsub%2Fbot';
    const [archive] = world.host.arrived(`${api}/repository/archive.tar.gz?sha=${commit}`);
    const [status] = world.host.arrived(`${api}/statuses/${commit}`);
    expect([archive?.headers['private-token'], status?.headers['private-token']]).toEqual([
      'glpat-1',
      'glpat-1',
    ]);
  });

  test('a commit status that GitLab refuses because it is already set counts as sent', async () => {
    const tenant = await world.tenant(hook());
    const commit = await tenant.commit(VALID);
    const go = world.host.hold(`archive.tar.gz?sha=${commit}`);
    await push(tenant, commit);
    await world.host.statusesUntil(commit, 'pending');
    world.host.next(
      `/statuses/${commit}`,
      answerWith(400, {}, '{"message":"Cannot transition status via :success"}'),
    );
    const standing = [{ name: 'pointsman/bundle/live', status: 'success' }];
    world.host.next(`/commits/${commit}/statuses`, answerWith(200, {}, JSON.stringify(standing)));
    go();
    await tenant.delivery(commit, isPublished);
    const { effects } = await settledAndTold(tenant);
    expect(effects).toContainEqual(expect.objectContaining({ effect: 'commit-status', state: 'done' }));
  });

  test('a commit status that GitLab refuses while a different status is set counts as failed', async () => {
    const tenant = await world.tenant(hook());
    const commit = await tenant.commit(VALID);
    const go = world.host.hold(`archive.tar.gz?sha=${commit}`);
    await push(tenant, commit);
    await world.host.statusesUntil(commit, 'pending');
    world.host.next(`/statuses/${commit}`, answerWith(400));
    const standing = [{ name: 'pointsman/bundle/live', status: 'failed' }];
    world.host.next(`/commits/${commit}/statuses`, answerWith(200, {}, JSON.stringify(standing)));
    go();
    await tenant.delivery(commit, isPublished);
    const { effects } = await settledAndTold(tenant);
    expect(effects).toContainEqual(expect.objectContaining({ effect: 'commit-status', state: 'failed' }));
  });

  /** Waits until the database records the result of the release's commit status, and returns the release. */
  async function settledAndTold(tenant: PushedTenant) {
    await settled(world.plane, tenant.name, 1);
    return eventually(
      async () => {
        const release = await findRelease(world.plane.db, {
          tenant: tenant.name,
          bundle: 'bundle',
          version: 1,
        });
        const isTold = release?.effects.some(
          ({ effect, state }) => effect === 'commit-status' && state !== 'started',
        );
        return isTold ? release : null;
      },
      { what: 'the ledger has the status', withinMs: 60_000 },
    );
  }
});

/** Creates a tenant with a generic hook, whose pushes contain the URL of their source. */
async function genericTenant(): Promise<PushedTenant> {
  return world.tenant({
    provider: 'generic',
    repository: 'bot',
    secret: GENERIC_SECRET,
    apiUrl: `${world.host.githubApi}/status`,
    token: 'tkn',
  });
}

async function pushFrom(tenant: PushedTenant, commit: string, sourceUrl: string): Promise<void> {
  const body = JSON.stringify({ repository: 'bot', ref: 'refs/heads/main', commit, sourceUrl });
  const headers = {
    authorization: '',
    'content-type': 'application/json',
    ...signatureHeaders({ id: randomUUID(), timestamp: Math.floor(Date.now() / 1_000), body }, [
      GENERIC_SECRET,
    ]),
  };
  expect((await world.api.call('POST', `${tenant.path}/deliveries`, { headers, body })).status).toBe(202);
}

describe('a generic hook', () => {
  test('fetches the source from the URL of the push without the hook’s token, and sends each status to the address of the hook with the token', async () => {
    const tenant = await genericTenant();
    const commit = await tenant.commit(VALID);
    await pushFrom(tenant, commit, `${world.host.archives}/${commit}.tgz`);
    await tenant.delivery(commit, isPublished);
    expect((await settled(world.plane, tenant.name, 1)).outcome).toBe('published');
    expect((await world.host.statusesUntil(commit, 'success')).at(-1)).toEqual({
      correlationId: `${tenant.name}:bundle:v1`,
      delivery: expect.any(String),
      repository: 'bot',
      ref: 'refs/heads/main',
      commit,
      version: 1,
      state: 'success',
      outcome: 'published',
      reason: null,
      url: `https://points.example/v1/tenants/${tenant.name}/bundles/bundle/releases/1`,
    });
    const [archive] = world.host.arrived(`/${commit}.tgz`);
    expect(archive?.headers['authorization']).toBeUndefined();
    const status = world.host.arrived('/status').find(({ body }) => body.includes(commit));
    expect(status?.headers['authorization']).toBe('Bearer tkn');
  });

  test('refuses a source URL in a private network without connecting', async () => {
    const tenant = await genericTenant();
    const commit = 'private-1';
    await pushFrom(tenant, commit, 'http://10.0.0.1/source.tgz');
    expect(await tenant.delivery(commit, isOver)).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('calls to its address are not allowed'),
    });
  });

  test('refuses a source URL that redirects into a private network', async () => {
    const tenant = await genericTenant();
    const commit = 'private-2';
    world.host.next(
      `/${commit}.tgz`,
      answerWith(302, { location: 'http://169.254.169.254/latest/meta-data' }),
    );
    await pushFrom(tenant, commit, `${world.host.archives}/${commit}.tgz`);
    expect(await tenant.delivery(commit, isOver)).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('calls to its address are not allowed'),
    });
  });

  // This test makes the call in its own process, because it must control the name resolution.
  test('refuses a source URL whose host name resolves to a private address at the second attempt', async () => {
    const { db } = world.plane;
    const tenant = await genericTenant();
    const name = { tenant: tenant.name, hook: 'rebinding', delivery: 'one' };
    let asked = 0;
    const host = createServer((_request, response) => {
      asked += 1;
      response.writeHead(500, { connection: 'close' }).end();
    });
    await new Promise<void>((listening) => void host.listen(0, '127.0.0.1', listening));
    const { port } = host.address() as AddressInfo;
    const answers = [['127.0.0.1'], ['10.0.0.1']];
    const log = pino({ level: 'silent' });
    const outbound = openOutbound({
      allow: [range('127.0.0.0/8')],
      log,
      resolveName: async () => answers.shift() ?? [],
    });
    const reader = startRepositoryReader(log);
    try {
      await setHook(db, tenant.name, {
        hook: 'rebinding',
        provider: 'generic',
        repository: 'bot',
        token: null,
      });
      const sourceUrl = `http://rebinding.example:${port}/source.tgz`;
      await receive(db, name, { provider: 'generic', repository: 'bot', sourceUrl });
      const deliveries = hookDeliveries({ db, outbound, secrets: null, log, reader });
      expect(await deliveries.fetch(name, Date.now())).toMatchObject({ kind: 'later' });
      expect(await deliveries.fetch(name, Date.now())).toMatchObject({ kind: 'refused' });
      expect(asked).toBe(1);
      await deliveries.end(name, 'refused', 'the test is over', Date.now());
    } finally {
      await Promise.all([outbound.close(), reader.close()]);
      host.closeAllConnections();
      host.close();
    }
  });
});
