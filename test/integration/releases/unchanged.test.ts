import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { listMoves } from '../../../services/postgres/channels/pointers.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { givePolicy } from '../../support/worlds/asked-world.ts';
import {
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { runCli } from '../../support/runs/run-cli.ts';
import { standstill } from '../../support/servers/standstill.ts';

let plane: ControlPlane;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  plane = await sharedControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
});
afterEach(async () => {
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => api.stop());

const path = (rest: string): string => `/v1/tenants/${tenant}/bundles/bundle/${rest}`;

async function publish(text: string, channel = 'live', more: Record<string, unknown> = {}) {
  const { status, json } = await api.call('POST', path('releases'), {
    json: { files: { 'a.txt': text }, channel, createChannel: true, ...more },
  });
  expect(status).toBe(202);
  return settled(plane, tenant, Number(json['version']));
}
const generations = async (channel = 'live'): Promise<number[]> =>
  (await listMoves(plane.db, { tenant, bundle: 'bundle', channel }, { limit: 10 })).map(
    ({ generation }) => generation,
  );

test('a second publish of what is live settles as unchanged: no generation, no event, no approval, and the slot is free', async () => {
  const first = await publish('one');
  const feed = (await api.call('GET', `/v1/tenants/${tenant}/events?after=latest`)).json['next'];
  await givePolicy(plane, tenant, { channels: { live: { gates: [{ approval: { name: 'release' } }] } } });
  const second = await publish('one', 'live', { onConflict: 'reject' });
  expect(second).toMatchObject({
    outcome: 'unchanged',
    reason: 'the same artifact is already live, as v1',
    generation: null,
    digest: first.digest,
    gates: [],
  });
  expect(await generations()).toEqual([1]);
  expect((await api.call('GET', `/v1/tenants/${tenant}/events?after=latest`)).json['next']).toBe(feed);
  expect((await api.call('GET', path('releases/2'))).json).toMatchObject({ outcome: 'unchanged', sameAs: 1 });
  await givePolicy(plane, tenant, { channels: {} });
  expect(await publish('two', 'live', { onConflict: 'reject' })).toMatchObject({
    outcome: 'published',
    generation: 2,
  });
  expect(await publish('one')).toMatchObject({ outcome: 'published', generation: 3 });
});

test('a queued publish starts after an unchanged one', async () => {
  await publish('one');
  const versions = await standstill(plane).whileStagesLocked(async () => {
    const asked = ['one', 'two'].map((text) =>
      api.call('POST', path('releases'), { json: { files: { 'a.txt': text }, onConflict: 'queue' } }),
    );
    return (await Promise.all(asked)).map(({ json }) => Number(json['version']));
  });
  const outcomes = await Promise.all(versions.map((version) => settled(plane, tenant, version)));
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['published', 'unchanged']));
});

test('an unchanged version cannot be promoted, and the error names the version that can', async () => {
  await publish('one', 'staging');
  await publish('one', 'staging');
  const promote = (version: number) =>
    api.call('PUT', path('channels/live'), { json: { version, createChannel: true } });
  expect(await promote(2)).toMatchObject({
    status: 422,
    json: {
      code: 'not_promotable',
      outcome: 'unchanged',
      version: 1,
      detail: 'Release v2 settled as unchanged. Promote v1, which has the same artifact.',
    },
  });
});

test('"pointsman publish" exits with 0 for an unchanged release and prints which version is live', async () => {
  await publish('one');
  const env = { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: api.adminToken, POINTSMAN_TENANT: tenant };
  const watched = await runCli(['watch', '2', '--bundle', 'bundle'], { env: { ...env } }).catch(() => null);
  expect(watched?.exit).toBe(12);
  await publish('one');
  const { exit, stdout } = await runCli(['watch', '2', '--bundle', 'bundle'], { env });
  expect(exit, stdout).toBe(0);
  expect(stdout).toContain(`unchanged  ${tenant}:bundle:v2: the same artifact is already live, as v1\n`);
});
