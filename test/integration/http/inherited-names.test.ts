import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { TokenName } from '../../../packages/protocol/access.ts';
import { ChannelName } from '../../../packages/protocol/identifiers.ts';
import { Tenant } from '../../../handlers/contract/tenant.ts';
import { createTenant } from '../../../services/postgres/tenants/tenants.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import {
  type ControlPlane,
  accepted,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { quiet } from '../../support/servers/tenant-invocations.ts';
import { requestsNaming } from '../../support/data/hostile-requests.ts';
import { INHERITED_NAMES } from '../../support/data/inherited-names.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { rightValues } from '../../support/data/right-values.ts';

// Tests names that every object inherits, such as "constructor", wherever the API accepts a name. Also tests durable
// state that such a name has damaged.

let plane: ControlPlane;
let api: TestApi;

beforeAll(async () => {
  plane = await sharedControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
afterAll(async () => {
  await api.stop();
});

const names = INHERITED_NAMES.filter((name) => ChannelName.safeParse(name).success);
let texts = 0;

const AT_ONCE = 16;
/** The time after which a missing response fails the test. The API itself gives up on its stores after 20 s. */
const ANSWER_MS = 60_000;

async function ok(method: string, path: string, json?: unknown) {
  const answer = await api.call(method, path, json === undefined ? {} : { json });
  expect([method, path, answer.status, answer.text]).toEqual([
    method,
    path,
    expect.toSatisfy((status: number) => status >= 200 && status < 300),
    answer.text,
  ]);
  return answer.json;
}

describe.each(names)('the name "%s" that every JavaScript object inherits', (name) => {
  test('works for a tenant, a bundle and a channel: publish, hold, promote and roll back', async () => {
    await createTenant(plane.db, name, 'test', Date.now());
    const bundle = `/v1/tenants/${name}/bundles/${name}`;
    const publish = async (channel: string, more: object = {}) => {
      const files = { 'config.json': `{"n":${++texts}}`, [name]: 'an asset' };
      const { version } = await ok('POST', `${bundle}/releases`, { files, channel, ...more });
      expect(await settled(plane, name, Number(version), { bundle: name })).toMatchObject({
        outcome: 'published',
      });
    };
    await publish(name);
    await publish(name, { onConflict: 'queue' });
    await publish('live', { createChannel: true });
    await ok('PUT', `${bundle}/channels/${name}/hold`, { reason: name });
    await ok('DELETE', `${bundle}/channels/${name}/hold`);
    expect(await ok('PUT', `${bundle}/channels/${name}`, { version: 3 })).toMatchObject({ generation: 3 });
    expect(await ok('PUT', `${bundle}/channels/${name}`, { restores: 2 })).toMatchObject({ version: 2 });
    expect(await ok('GET', `${bundle}/channels/${name}/files/${name}`)).toEqual({});
    const { json } = await api.call('GET', `${bundle}/channels`);
    expect(json['items']).toMatchObject(
      [{ channel: name }, { channel: 'live' }].toSorted((a, b) => (a.channel < b.channel ? -1 : 1)),
    );
    const status = await plane.ingress.client(Tenant, name).status();
    expect(Object.keys(status[`bundle:${name}`]?.channels ?? {}).toSorted()).toEqual(
      [name, 'live'].toSorted(),
    );
  });

  test('works for a hook, a sink, a gate, a follower and an overlay', async () => {
    const tenant = await newTenant(plane);
    const at = `/v1/tenants/${tenant}`;
    const channels = { [name]: { gates: [{ check: { name } }] } };
    await ok('PUT', `${at}/policy`, { channels });
    const overlays = `apiVersion: pointsman/v1\ndocuments: [{ include: ["*.json"] }]\noverlays: { ${name}: o.yaml }\n`;
    const files = { 'pointsman.yaml': overlays, 'a.json': '{"a":1}', 'o.yaml': `a.json: { ${name}: 2 }\n` };
    const { version } = await ok('POST', `${at}/bundles/bot/releases`, { files, channel: name });
    const release = `${at}/bundles/bot/releases/${String(version)}`;
    await eventually(
      async () => {
        const { json } = await api.call('GET', release);
        return (json['gates'] as unknown[]).length > 0 ? true : null;
      },
      { what: 'a gate that waits' },
    );
    await ok('POST', `${release}/checks/${name}`, { conclusion: 'success' });
    await settled(plane, tenant, Number(version), { bundle: 'bot' });
    const compiled = await api.call('GET', `${at}/bundles/bot/channels/${name}/files/a.json`);
    expect(compiled.text).toBe(`{"a":1,"${name}":2}`);
    const hook = {
      provider: 'generic',
      repository: 'acme/bot',
      ref: 'refs/heads/main',
      secret: newWebhookSecret(),
    };
    await ok('PUT', `${at}/hooks/${name}`, { ...hook, bundle: 'bot', channel: name });
    await ok('PUT', `${at}/sinks/${name}`, { webhook: { url: 'https://example.com/' } });
    const { generation, digest } = await ok('GET', `${at}/bundles/bot/channels/${name}`);
    await ok('PUT', `${at}/bundles/bot/channels/${name}/followers/${name}`, { generation, digest });
    for (const list of ['hooks', 'sinks', `bundles/bot/channels/${name}/followers`])
      expect(JSON.stringify(await ok('GET', `${at}/${list}`))).toContain(`"${name}"`);
  });
});

test('a token can have any name that JavaScript objects inherit and that the format of token names allows', async () => {
  const tenant = await newTenant(plane);
  for (const name of INHERITED_NAMES.filter((one) => TokenName.safeParse(one).success))
    expect(await ok('POST', '/v1/tokens', { name, tenant, roles: ['viewer'] })).toMatchObject({ name });
});

test('every name that JavaScript objects inherit gets a 2xx or a 4xx response in every parameter of every path', async () => {
  const tenant = await newTenant(plane);
  const waiting = await accepted(plane, tenant, { files: { 'a.json': '{}' } });
  const { digest } = await settled(plane, tenant, waiting);
  const right = rightValues({ tenant, digest: digest ?? '', waiting, secret: newWebhookSecret() });
  const { json: document } = await api.call('GET', '/openapi.json');
  const requests = [...requestsNaming(document, right, INHERITED_NAMES)];
  const broken: string[] = [];
  for (let from = 0; from < requests.length; from += AT_ONCE) {
    const some = requests
      .slice(from, from + AT_ONCE)
      .map(async ({ operationId, at, method, path, headers, body }) => {
        const signal = AbortSignal.timeout(ANSWER_MS);
        const { status, text } = await api.call(method, path, {
          headers,
          signal,
          ...(body === null ? {} : { body }),
        });
        const isAnswered = status >= 200 && status < 500 && (status < 300 || status >= 400);
        if (!isAnswered) broken.push(`${operationId}, ${at}: ${path} → ${status} ${text.slice(0, 200)}`);
      });
    await Promise.all(some);
  }
  expect(broken).toEqual([]);
  expect(new Set(requests.map(({ at }) => at)).size).toBeGreaterThan(8);
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});

describe('unreadable Restate state of a tenant', () => {
  /** Replaces the whole state of the tenant's object, as an operator can. */
  async function setState(tenant: string, state: Readonly<Record<string, string>>): Promise<void> {
    // The last call of a settled release would write the state again.
    await quiet(plane.admin, tenant, 'the tenant has no running call');
    const new_state = Object.fromEntries(
      Object.entries(state).map(([key, text]) => [key, [...Buffer.from(text)]]),
    );
    const answer = await fetch(`${plane.restate.adminUrl}/services/Tenant/state`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ object_key: tenant, new_state }),
    });
    expect([answer.status, await answer.text()]).toEqual([202, '']);
    await eventually(async () => ((await stored(tenant)) === Object.values(state)[0] ? true : null), {
      what: 'the state that was set',
    });
  }

  async function stored(tenant: string): Promise<unknown> {
    const sql = `SELECT value_utf8 FROM state WHERE service_name = 'Tenant' AND service_key = '${tenant}'`;
    return (await plane.admin.query(sql))[0]?.['value_utf8'];
  }

  test.each([
    ['of an earlier shape', '{"lastVersion":1,"channels":{"constructor":{"generation":1}}}'],
    ['with an invalid slot', '{"lastVersion":1,"channels":{"live":null}}'],
    ['of another type', '[1]'],
    ['that is not JSON', '{"lastVersion":'],
    ['that is empty', '""'],
  ])(
    'is rebuilt from the database if it is a value %s, and the tenant works without an operator',
    async (_, text) => {
      const tenant = await newTenant(plane);
      await settled(plane, tenant, await accepted(plane, tenant));
      await setState(tenant, { 'bundle:bundle': text });
      const pointer = `/v1/tenants/${tenant}/bundles/bundle/channels/live`;
      await ok('PUT', `${pointer}/hold`, { reason: 'x' });
      await ok('DELETE', `${pointer}/hold`);
      const version = await accepted(plane, tenant, { files: { 'config.json': `{"n":${++texts}}` } });
      expect(version).toBe(2);
      expect(await settled(plane, tenant, version)).toMatchObject({ outcome: 'published', generation: 2 });
      await setState(tenant, { 'bundle:bundle': text });
      expect(await ok('PUT', pointer, { version: 1 })).toMatchObject({ generation: 3 });
      expect((await plane.ingress.client(Tenant, tenant).status())['bundle:bundle']).toMatchObject({
        lastVersion: 2,
        channels: { live: { generation: 3, inFlight: null, queue: [] } },
      });
    },
  );
});
