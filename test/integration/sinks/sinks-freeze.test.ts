import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { releaseKey } from '../../../packages/protocol/identifiers.ts';
import { Tenant } from '../../../handlers/contract/tenant.ts';
import { findPointer } from '../../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { as, madeToken } from '../../support/data/tokens.ts';
import {
  deliveredTo,
  type Endpoint,
  addWebhook,
  MAY_CALL_ENDPOINTS,
  move,
  range,
  requireSinks,
  startEndpoint,
  steer,
  twoReleases,
  pretendLateSweep,
} from '../../support/worlds/sink-world.ts';

let plane: ControlPlane;
let api: TestApi;
let tenant: string;
let endpoint: Endpoint;

beforeAll(async () => {
  plane = await startControlPlane({ workerEnv: () => Promise.resolve(MAY_CALL_ENDPOINTS) });
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
  endpoint = await startEndpoint();
  await addWebhook(plane, tenant, endpoint);
  await twoReleases(plane, tenant);
  await deliveredTo(plane, tenant, 2);
  await requireSinks(plane, tenant, 'freeze');
  await pretendLateSweep(plane, tenant);
});
afterEach(async () => {
  await endpoint.server.close();
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(async () => {
  await api.stop();
  await plane.stop();
});

const third = (text = 'three') =>
  accepted(plane, tenant, { files: { 'config.json': JSON.stringify({ text }) } });
const pointer = () => findPointer(plane.db, { tenant, bundle: 'bundle', channel: 'live' });
const id = (version: number) => ({ tenant, bundle: 'bundle', version });

/** Waits until the cause for which the release waits matches the pattern, and returns the release. */
const waits = (version: number, forWhat: RegExp) =>
  eventually(
    async () => {
      const release = await findRelease(plane.db, id(version));
      const texts = release?.waitingFor.map(({ text }) => text) ?? [];
      return release?.status === 'waiting' && texts.some((text) => forWhat.test(text)) ? release : null;
    },
    { what: `v${version} waits for ${forWhat}` },
  );

async function waitingState(version: number): Promise<string> {
  const rows = await plane.admin.query(
    `SELECT value_utf8 FROM state WHERE service_name = 'Release' AND service_key = '${releaseKey(id(version))}' AND key = 'waitingFor'`,
  );
  return JSON.stringify(rows);
}

test('a release to a channel with "whenDown: freeze" waits while a required sink is down, shows the reason, and is published when the sink is back', async () => {
  endpoint.answers(503);
  const version = await third();
  const release = await waits(version, /^waits for the sink "audit": it has failed since .*503/);
  expect(release).toMatchObject({ stage: 'swap', outcome: null });
  expect(await waitingState(version)).toMatch(
    /sink audit.*waits until it is healthy, at the latest until .*Z: /,
  );
  expect(await pointer()).toMatchObject({ generation: 2 });
  const shown = await api.call('GET', `/v1/tenants/${tenant}/bundles/bundle/releases/${version}`);
  const waitingFor = [{ kind: 'sink', name: null, text: expect.stringMatching(/audit.*503/), until: null }];
  expect(shown.json).toMatchObject({ status: 'waiting', stage: 'swap', reason: null, waitingFor });
  const listed = await api.call('GET', `/v1/tenants/${tenant}/releases`);
  expect(listed.json['items']).toMatchObject([{ version, status: 'waiting', waitingFor }]);
  endpoint.answers(200);
  expect(await settled(plane, tenant, version)).toMatchObject({
    outcome: 'published',
    reason: null,
    generation: 3,
  });
  await deliveredTo(plane, tenant, 3);
  expect(endpoint.seqs()).toEqual(range(1, 3));
  expect(await waitingState(version)).toBe('[]');
});

test('a required webhook that responds after the health-check timeout counts as down, and the release moves the pointer once the webhook responds in time', async () => {
  let lateMs = sinkLimits.probeMs + 2_000;
  endpoint.answers((_request, response) => void setTimeout(() => response.writeHead(200).end(), lateMs));
  const version = await third();
  await waits(version, /^waits for the sink "audit": it has failed since .*no complete response in time/);
  expect(await pointer()).toMatchObject({ generation: 2 });
  lateMs = 0;
  expect(await settled(plane, tenant, version)).toMatchObject({ outcome: 'published', generation: 3 });
});

test('a release that waits for a sink can be cancelled', async () => {
  endpoint.answers(503);
  const version = await third();
  await waits(version, /audit/);
  await plane.ingress.client(Tenant, tenant).cancel({ bundle: 'bundle', version, by: 'ann', reason: 'no' });
  expect(await settled(plane, tenant, version)).toMatchObject({
    outcome: 'cancelled',
    reason: 'cancelled by ann: no',
  });
  expect(await pointer()).toMatchObject({ generation: 2 });
});

test('a release that waits for a sink is superseded by the next release', async () => {
  endpoint.answers(503);
  const version = await third();
  await waits(version, /audit/);
  const next = await third('four');
  expect(await settled(plane, tenant, version)).toMatchObject({ outcome: 'superseded' });
  endpoint.answers(200);
  expect(await settled(plane, tenant, next)).toMatchObject({ outcome: 'published', generation: 3 });
});

test('a required sink that is paused or does not exist counts as down, and a waiting release shows the reason', async () => {
  await steer(plane, tenant, { kind: 'pause', reason: 'moving house' });
  const version = await third();
  await waits(version, /^waits for the sink "audit": it is paused by ann: moving house$/);
  await requireSinks(plane, tenant, 'freeze', ['nowhere', 'redis']);
  await waits(
    version,
    /^waits for the sink "nowhere": there is no webhook of that name; the sink "redis": it has failed since .*: this worker is not configured with Redis \(REDIS_URL\)$/,
  );
  // A waiting release follows the tenant's current policy, so this change lets it continue.
  await requireSinks(plane, tenant, 'continue', ['nowhere', 'redis']);
  expect((await settled(plane, tenant, version)).outcome).toBe('published');
  await steer(plane, tenant, { kind: 'resume' });
});

test('only an admin can move a pointer forward by hand while a required sink is down, and a publisher can roll it back', async () => {
  endpoint.answers(503);
  // The sink's health is unknown until its first check. The API checks it and then requests the move again.
  expect(await move(plane, tenant, 1)).toMatchObject({
    kind: 'sinks_down',
    sinks: [{ sink: 'audit', known: false }],
  });
  const { token } = await madeToken(api, { name: `pat-${tenant}`, tenant, roles: ['publisher'] });
  const path = `/v1/tenants/${tenant}/bundles/bundle/channels/live`;
  const refused = await api.call('PUT', path, as(token, { json: { version: 1 } }));
  expect(refused.status).toBe(409);
  expect(refused.json).toMatchObject({
    code: 'sink_down',
    sinks: [{ sink: 'audit', why: expect.stringContaining('503') as string }],
  });
  endpoint.answers(200);
  await eventually(
    async () => (await api.call('PUT', path, as(token, { json: { version: 1 } }))).status === 200,
    { what: 'the move, once the sink is back' },
  );
  endpoint.answers(503);
  await steer(plane, tenant, { kind: 'pause', reason: null });
  const publisher = { roles: ['publisher' as const] };
  expect(await move(plane, tenant, 2, publisher)).toMatchObject({ kind: 'sinks_down' });
  expect(await move(plane, tenant, 2, { roles: ['admin'] })).toMatchObject({ kind: 'moved' });
  const { generation } = (await pointer())!;
  const promoted = { ...publisher, restores: generation };
  expect(await move(plane, tenant, 1, { ...publisher, restores: 1 })).toMatchObject({ kind: 'moved' });
  expect(await move(plane, tenant, 2, promoted)).toMatchObject({ kind: 'sinks_down' });
  expect(await pointer()).toMatchObject({ version: 1, generation: generation + 1 });
});
