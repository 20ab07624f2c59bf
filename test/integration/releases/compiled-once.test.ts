import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { LOCAL_EXECUTOR } from '../../../core/releases/local-compiler.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import {
  type AskedWorld,
  compileFor,
  givePolicy,
  startAskedWorld,
  tell,
} from '../../support/worlds/asked-world.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { standstill } from '../../support/servers/standstill.ts';

let world: AskedWorld;
/** A second API process. It has compiled nothing, as an API after a restart. */
let restarted: TestApi;
let tenant: string;

beforeAll(async () => {
  world = await startAskedWorld();
  const { postgres, restate } = world.plane;
  restarted = await startApi({ appUrl: postgres.appUrl, ingressUrl: restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(world.plane);
});
afterEach(async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(async () => {
  await restarted.stop();
  await world.stop();
});

const files = { 'config.json': '{"a": 1}' };
/** A source with a file that no pattern selects. */
const withWarning = {
  'pointsman.yaml': 'apiVersion: pointsman/v1\nassets: [a.txt]\n',
  'a.txt': 'a',
  'b.txt': 'b',
};

async function publish(api: TestApi, content: Readonly<Record<string, string>> = files) {
  const { status, json } = await api.call('POST', `/v1/tenants/${tenant}/bundles/bundle/releases`, {
    json: { files: content },
  });
  expect(status).toBe(202);
  const version = Number(json['version']);
  const { outcome, stages, digest } = await settled(world.plane, tenant, version);
  expect(['published', 'unchanged']).toContain(outcome);
  const compile = stages.find(({ stage }) => stage === 'compile');
  return { warnings: json['warnings'], digest, at: [compile?.startedAt, compile?.finishedAt] };
}

/** The stored compilations of the tenant: executor and source. */
const compilations = async (): Promise<string[]> =>
  standstill(world.plane).sql(async (client) => {
    const sql = 'SELECT executor FROM pointsman.compilations WHERE tenant = $1 ORDER BY executor';
    const { rows } = await client.query<{ executor: string }>(sql, [tenant]);
    return rows.map(({ executor }) => executor);
  });

test('a source is compiled once: a later publish, also after a restart of the API, uses the stored compilation with its warnings', async () => {
  const first = await publish(world.api, withWarning);
  expect(first.warnings).toMatchObject([{ code: 'not_selected', path: 'b.txt' }]);
  for (const api of [world.api, restarted]) expect(await publish(api, withWarning)).toEqual(first);
  expect(await compilations()).toEqual([LOCAL_EXECUTOR]);
});

test('the compilation of a release whose source was only stored, as that of a push, is used by later publishes', async () => {
  await settled(world.plane, tenant, await accepted(world.plane, tenant, { files }));
  const [first, second] = [await publish(world.api), await publish(restarted)];
  expect(second).toEqual(first);
  expect(await compilations()).toEqual([LOCAL_EXECUTOR]);
});

test('a source that another version of the compiler has compiled is compiled again', async () => {
  const first = await publish(world.api);
  await standstill(world.plane).sql((client) =>
    client.query(`UPDATE pointsman.compilations SET executor = 'local/0' WHERE tenant = $1`, [tenant]),
  );
  const second = await publish(restarted);
  expect(second.at).not.toEqual(first.at);
  expect(second.digest).toBe(first.digest);
  expect(await compilations()).toEqual(['local/0', LOCAL_EXECUTOR]);
});

test('an invalid source is compiled again by each publish, and leaves no compilation', async () => {
  const path = `/v1/tenants/${tenant}/bundles/bundle/releases`;
  const invalid = { json: { files: { 'a.json': '{"a": ' } } };
  for (const api of [world.api, restarted])
    expect(await api.call('POST', path, invalid)).toMatchObject({
      status: 422,
      json: { code: 'invalid_source' },
    });
  expect(await compilations()).toEqual([]);
});

test('a remote compiler is asked once for a source, again after its URL has changed, and again after it has failed', async () => {
  const path = `/${tenant}`;
  const compile = (url: string) =>
    givePolicy(world.plane, tenant, { compile: { executor: 'http', url: world.address(url), attempts: 1 } });
  await compile(path);
  const failed = await accepted(world.plane, tenant, { files });
  const [refused] = await world.jobs(path, 1);
  await tell(refused!.callback.url, { status: 'failed', message: 'out of disk' });
  expect((await settled(world.plane, tenant, failed)).outcome).toBe('errored');

  const version = await accepted(world.plane, tenant, { files });
  await compileFor((await world.jobs(path, 2))[1]!);
  expect((await settled(world.plane, tenant, version)).outcome).toBe('published');
  const [first, second] = [await publish(world.api), await publish(restarted)];
  expect(second).toEqual(first);
  expect(await world.jobs(path, 2)).toHaveLength(2);

  await compile(`${path}?version=2`);
  const changed = await accepted(world.plane, tenant, { files });
  await compileFor((await world.jobs(`${path}?version=2`, 1))[0]!);
  expect((await settled(world.plane, tenant, changed)).outcome).toBe('unchanged');
  expect(await compilations()).toHaveLength(2);
});
