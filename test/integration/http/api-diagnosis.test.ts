import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Finding } from '../../../packages/protocol/findings/finding.ts';
import { releaseKey } from '../../../packages/protocol/identifiers.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { scriptedRestate } from '../../unit/api/diagnosis/scripted-restate.ts';
import { scriptedApi } from '../../unit/cli/scripted-api.ts';
import { as, madeToken } from '../../support/data/tokens.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { runCli } from '../../support/runs/run-cli.ts';
import { standstill } from '../../support/servers/standstill.ts';
import { givePolicy } from '../../support/worlds/asked-world.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../../support/worlds/control-plane.ts';

// This file is not part of the replay run, because it tests the API. killed-waits.test.ts runs the same handlers with
// Restate replaying.

let plane: ControlPlane;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  plane = await startControlPlane();
  const { appUrl } = plane.postgres;
  const { ingressUrl, adminUrl } = plane.restate;
  api = await startApi({ appUrl, ingressUrl, adminUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
});
afterEach(async () => {
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(async () => {
  await api.stop();
  await plane.stop();
});

async function diagnosed(by: TestApi): Promise<{ findings: Finding[]; text: string }> {
  const { status, json, text } = await by.call('GET', '/v1/diagnosis');
  expect(status, text).toBe(200);
  return { findings: json['findings'] as Finding[], text };
}

describe('the diagnosis of the server', () => {
  test('examines each part of the server, and finds no problem in a healthy server', async () => {
    await settled(plane, tenant, await accepted(plane, tenant));
    const { findings } = await diagnosed(api);
    expect(findings.filter(({ state }) => state !== 'ok')).toMatchObject([
      { subject: 'disk', state: 'unknown' },
    ]);
    expect(findings.map(({ subject }) => subject).toSorted()).toEqual([
      'PostgreSQL',
      'PostgreSQL',
      'Restate',
      'disk',
      'releases',
    ]);
  });

  test('is refused to an admin of a tenant, and to every role of the platform except admin', async () => {
    const own = await madeToken(api, { name: 'boss', tenant, roles: ['admin'] });
    const other = await madeToken(api, { name: 'ops', roles: ['viewer', 'publisher', 'approver'] });
    for (const { token } of [own, other]) {
      const { status, json } = await api.call('GET', '/v1/diagnosis', as(token));
      expect([status, json['code']]).toEqual([403, 'forbidden']);
    }
    const admin = await madeToken(api, { name: 'root', roles: ['admin'] });
    expect((await api.call('GET', '/v1/diagnosis', as(admin.token))).status).toBe(200);
  });

  test('is skipped by "doctor" with the token of a tenant’s admin, and "doctor" checks that tenant instead', async () => {
    await settled(plane, tenant, await accepted(plane, tenant));
    const { token } = await madeToken(api, { name: 'boss', tenant, roles: ['admin'] });
    const env = { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: token, POINTSMAN_TENANT: tenant };
    const { exit, stdout } = await runCli(['doctor'], { env });
    expect(exit, stdout).toBe(0);
    expect(stdout).toMatch(/\? {2}server +not checked: .*\n/);
    for (const subject of ['token', 'sinks', 'hooks', 'releases'])
      expect(stdout).toMatch(new RegExp(`✓ {2}${subject} `));
  });

  test('reports a release that has been in flight for a long time, unless it waits for a gate', async () => {
    const { version } = await waitingRelease();
    await standstill(plane).whileStagesLocked(async () => {
      const running = await accepted(plane, tenant, { bundle: 'other' });
      await aged();
      const { findings } = await diagnosed(api);
      const about = findings.filter(({ subject }) => subject.startsWith(`${tenant}:`));
      expect(about).toMatchObject([{ subject: `${tenant}:other:v${running}`, state: 'warning' }]);
    });
    await kill(version);
    await settled(plane, tenant, version);
  });

  test('ends within its time limit when Restate hangs, and still contains the findings about everything else', async () => {
    const hanging = createServer(() => undefined);
    const port = await listening(hanging);
    const { appUrl } = plane.postgres;
    const { ingressUrl } = plane.restate;
    const adminUrl = `http://operator:hunter2@127.0.0.1:${port}`;
    const other = await startApi({ appUrl, ingressUrl, adminUrl });
    try {
      const began = performance.now();
      const { findings, text } = await diagnosed(other);
      expect(performance.now() - began).toBeLessThan(20_000);
      expect(findings[0]).toMatchObject({ subject: 'Restate', state: 'error' });
      expect(findings.slice(1).map(({ state }) => state)).not.toContain('error');
      expect(findings).toContainEqual(
        expect.objectContaining({ subject: 'PostgreSQL', summary: 'accepts writes from the worker' }),
      );
      expect(text).not.toMatch(/hunter2|operator/);
    } finally {
      await other.stop();
      hanging.close();
    }
  });

  test('never contains a password, a token or a user name', async () => {
    const { appUrl } = plane.postgres;
    const { username, password } = new URL(appUrl);
    const { ingressUrl, adminUrl } = plane.restate;
    const named = new URL(adminUrl);
    [named.username, named.password] = ['operator', 'hunter2'];
    const other = await startApi({ appUrl, ingressUrl, adminUrl: named.href });
    try {
      const { text } = await diagnosed(other);
      expect(text).toContain(new URL(adminUrl).host);
      for (const secret of ['operator', 'hunter2', username, password, other.adminToken])
        expect(text).not.toContain(secret);
    } finally {
      await other.stop();
    }
  });

  test('runs twice for twenty concurrent requests: once for the first request, and once for all that arrive during that run', async () => {
    const { promise: allArrived, resolve } = Promise.withResolvers<void>();
    const script = scriptedRestate();
    const version = script['GET /version'];
    const restate = await scriptedApi({
      ...script,
      // The first examination ends only after all requests have arrived.
      'GET /version': (...call) => void allArrived.then(() => version?.(...call)),
    });
    const { appUrl } = plane.postgres;
    const { ingressUrl } = plane.restate;
    const other = await startApi({ appUrl, ingressUrl, adminUrl: restate.url });
    let arrived = 0;
    const count = (message: unknown): void => {
      const { request } = message as { request: IncomingMessage };
      if (request.url === '/v1/diagnosis' && ++arrived === 20) resolve();
    };
    subscribe('http.server.request.start', count);
    try {
      await Promise.all(Array.from({ length: 20 }, () => diagnosed(other)));
      const examinations = restate.seen.filter(({ path }) => path === '/version').length;
      expect(examinations).toBe(2);
    } finally {
      unsubscribe('http.server.request.start', count);
      await other.stop();
      await restate.close();
    }
  });
});

describe('reconciling a release', () => {
  const path = (version: number) => `/v1/tenants/${tenant}/bundles/bundle/releases/${version}/reconcile`;

  test('immediately settles a release that an operator killed', async () => {
    const { version } = await waitingRelease();
    await kill(version);
    const answer = await eventually(
      async () => {
        const one = await api.call('POST', path(version));
        expect(one.status, one.text).toBe(200);
        return one.json['outcome'] === null ? null : one;
      },
      { what: 'Restate has ended the killed invocation' },
    );
    expect(answer.json).toMatchObject({ version, status: 'settled', outcome: 'errored' });
    expect(answer.headers.get('pointsman-correlation-id')).toBe(`${tenant}:bundle:v${version}`);
  });

  test('with "doctor --repair" settles a release that an operator killed', async () => {
    const { version } = await waitingRelease();
    await kill(version);
    await aged();
    const env = { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: api.adminToken };
    await runCli(['doctor', '--repair', '--json'], { env });
    expect((await settled(plane, tenant, version)).outcome).toBe('errored');
  });

  test('does not change a release that runs, waits or has settled', async () => {
    const { version } = await waitingRelease();
    expect((await api.call('POST', path(version))).json).toMatchObject({ status: 'waiting', outcome: null });
    await kill(version);
    const { outcome, settledAt } = await settled(plane, tenant, version);
    expect((await api.call('POST', path(version))).json).toMatchObject({ outcome, settledAt });
  });

  test('requires an admin of the tenant or of the platform, and returns 404 for a missing release', async () => {
    const publisher = await madeToken(api, { name: 'ci', tenant, roles: ['publisher'] });
    expect((await api.call('POST', path(1), as(publisher.token))).status).toBe(403);
    const boss = await madeToken(api, { name: 'boss', tenant, roles: ['admin'] });
    expect((await api.call('POST', path(1), as(boss.token))).status).toBe(404);
    expect((await api.call('POST', path(1))).status).toBe(404);
  });
});

/** Creates a release that waits for an approval. */
async function waitingRelease(): Promise<{ version: number }> {
  await givePolicy(plane, tenant, { channels: { live: { gates: [{ approval: { name: 'release' } }] } } });
  const version = await accepted(plane, tenant);
  const where = `/v1/tenants/${tenant}/bundles/bundle/releases/${version}`;
  await eventually(async () => (await api.call('GET', where)).json['status'] === 'waiting', {
    what: 'a release that waits',
  });
  return { version };
}

async function kill(version: number): Promise<void> {
  const key = releaseKey({ tenant, bundle: 'bundle', version });
  const [run] = await plane.admin.query(`SELECT id FROM sys_invocation WHERE target = 'Release/${key}/run'`);
  await plane.admin.killInvocation(String(run?.['id']));
}

/** Changes the database so that every unsettled release appears to be a minute older. */
async function aged(): Promise<void> {
  await standstill(plane).sql((client) =>
    client.query(
      "UPDATE pointsman.releases SET created_at = created_at - interval '61 seconds' WHERE status <> 'settled'",
    ),
  );
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return (server.address() as AddressInfo).port;
}
