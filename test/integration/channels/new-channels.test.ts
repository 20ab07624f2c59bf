import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { archiveOf } from '../../support/data/archives.ts';
import {
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';

// Requests through the API that create channels, and rollbacks on new channels.

let plane: ControlPlane;
let api: TestApi;
let tenant: string;
let bundle: string;

beforeAll(async () => {
  plane = await sharedControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
  bundle = `/v1/tenants/${tenant}/bundles/bundle`;
});
afterAll(async () => {
  await api.stop();
});

const channel = (name = 'live'): string => `${bundle}/channels/${name}`;
let texts = 0;
const files = () => ({ 'config.json': JSON.stringify({ n: ++texts }) });

async function publish(options: Readonly<Record<string, unknown>> = {}) {
  return api.call('POST', `${bundle}/releases`, { json: { files: files(), ...options } });
}

async function published(options: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const { status, json, text } = await publish(options);
  expect([status, text]).toEqual([202, text]);
  await settled(plane, tenant, Number(json['version']));
}

async function channels(): Promise<unknown[]> {
  const { json } = await api.call('GET', `${bundle}/channels`);
  return (json['items'] as { channel: string }[]).map((item) => item.channel);
}

describe('a channel that the bundle does not have', () => {
  test('is refused by every operation, and the error lists the existing channels and suggests the most similar name', async () => {
    await published();
    await published({ channel: 'staging', createChannel: true });
    const hook = {
      provider: 'generic',
      repository: 'acme/bot',
      ref: 'refs/heads/main',
      secret: newWebhookSecret(),
    };
    const refusals = [
      await publish({ channel: 'lvie' }),
      await api.call('PUT', channel('lvie'), { json: { version: 1 } }),
      await api.call('PUT', `${channel('lvie')}/hold`, { json: { reason: 'incident' } }),
      await api.call('DELETE', `${channel('lvie')}/hold`),
      await api.call('PUT', `/v1/tenants/${tenant}/hooks/main`, {
        json: { ...hook, bundle: 'bundle', channel: 'lvie' },
      }),
    ];
    for (const { status, json } of refusals) {
      expect(json).toMatchObject({
        code: 'unknown_channel',
        channels: ['live', 'staging'],
        meant: 'live',
        detail: '"bundle" has no channel "lvie". It has: live, staging. Did you mean "live"?',
      });
      expect(status).toBe(404);
    }
    expect(await channels()).toEqual(['live', 'staging']);
  });

  test('is created by the first publish of the bundle, and by the upload of an archive with createChannel=true', async () => {
    await published({ channel: 'staging' });
    const body = new Uint8Array(await archiveOf([{ name: 'config.json', content: '{"n":0}' }]));
    const upload = (query: string) =>
      api.call('POST', `${bundle}/releases?${query}`, {
        body,
        headers: { 'content-type': 'application/gzip' },
      });
    expect((await upload('channel=live')).json['code']).toBe('unknown_channel');
    expect((await upload('channel=live&createChannel=true')).status).toBe(202);
    await settled(plane, tenant, 2);
    expect(await channels()).toEqual(['live', 'staging']);
  });

  test('exists as soon as its publish is accepted, before the release succeeds', async () => {
    await published();
    const version = Number((await publish({ channel: 'next', createChannel: true })).json['version']);
    expect((await api.call('GET', channel('next'))).status).toBe(200);
    await settled(plane, tenant, version);
    expect((await publish({ channel: 'next' })).status).toBe(202);
    await settled(plane, tenant, version + 1);
  });
});

describe('a rollback', () => {
  async function rollBack(query = '') {
    const { json } = await api.call('GET', `${channel()}/rollback${query}`);
    const { pointer, move } = json as { pointer: { generation: number }; move: { generation: number } };
    return api.call('PUT', channel(), {
      json: { restores: move.generation },
      headers: { 'if-match': `"${pointer.generation}"` },
    });
  }
  const promote = (version: number) => api.call('PUT', channel(), { json: { version } });

  test('restores the release that was live before, goes further back each time it is repeated, and is refused once the first release is live', async () => {
    for (let version = 1; version <= 6; version++) await published();
    for (const version of [4, 5]) expect((await promote(version)).status).toBe(200);
    const versions: unknown[] = [];
    for (let n = 0; n < 7; n++) versions.push((await rollBack()).json['version']);
    expect(versions).toEqual([4, 6, 5, 4, 3, 2, 1]);
    const { status, json } = await api.call('GET', `${channel()}/rollback`);
    expect([status, json['code']]).toEqual([409, 'nothing_before']);
    const { json: history } = await api.call('GET', `${channel()}/moves?limit=2`);
    expect(history['items']).toMatchObject([
      { generation: 15, restores: 1, why: 'rolled back' },
      { generation: 14, restores: 2 },
    ]);
  });

  test('to a given version restores the last move to that version, and fails for a version that was not live before', async () => {
    for (let version = 1; version <= 3; version++) await published();
    expect((await rollBack('?version=1')).json).toMatchObject({ version: 1, generation: 4 });
    expect((await api.call('GET', `${channel()}/rollback?version=9`)).json['code']).toBe('nothing_before');
    const both = await api.call('PUT', channel(), { json: { version: 1, restores: 1 } });
    expect([both.status, both.json['code']]).toEqual([422, 'invalid_request']);
    expect((await api.call('PUT', channel(), { json: { restores: 9 } })).status).toBe(404);
  });
});
