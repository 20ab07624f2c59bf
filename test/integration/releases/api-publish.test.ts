import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

import { pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { startApi, type TestAnswer, type TestApi } from '../../support/processes/api.ts';
import { type ControlPlane, newTenant, sharedControlPlane } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { type Standstill, standstill } from '../../support/servers/standstill.ts';

let plane: ControlPlane;
let api: TestApi;
let tenant: string;
let whileStagesLocked: Standstill['whileStagesLocked'];

beforeAll(async () => {
  plane = await sharedControlPlane();
  ({ whileStagesLocked } = standstill(plane));
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
});
afterEach(async () => {
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(async () => {
  await api.stop();
});

const releases = (): string => `/v1/tenants/${tenant}/bundles/bot/releases`;
const live = (): string => `/v1/tenants/${tenant}/bundles/bot/channels/live`;

function publish(
  files: Record<string, unknown>,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
) {
  return api.call('POST', releases(), { json: { files, ...more }, headers });
}

/** Waits until the release has settled. */
function settled(version: unknown): Promise<TestAnswer> {
  return eventually(
    async () => {
      const answer = await api.call('GET', `${releases()}/${String(version)}`);
      return answer.json['status'] === 'settled' ? answer : null;
    },
    { what: `v${String(version)} settled` },
  );
}

async function published(files: Record<string, unknown>): Promise<number> {
  const { json } = await publish(files);
  await settled(json['version']);
  return Number(json['version']);
}

async function tarGz(files: Record<string, string>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  return gzipSync(await buffer(archive));
}

test('a publish gets 202 with the address of its release, and the artifact of that release goes live on its channel', async () => {
  const answer = await publish(
    { 'a.yaml': 'b: 1\na: 2\n', 'logo.bin': { base64: 'AAEC' } },
    { message: 'first' },
  );
  expect(answer.status).toBe(202);
  expect(answer.headers.get('location')).toBe(`${releases()}/1`);
  expect(answer.json).toMatchObject({
    tenant,
    bundle: 'bot',
    version: 1,
    channel: 'live',
    message: 'first',
    outcome: null,
  });
  const release = await settled(1);
  expect(release.json).toMatchObject({
    outcome: 'published',
    generation: 1,
    correlationId: `${tenant}:bot:v1`,
  });
  const pointer = await api.call('GET', live());
  expect(pointer.json).toMatchObject({ version: 1, generation: 1, digest: release.json['digest'] });
  const file = await api.call('GET', `${live()}/files/a.yaml`);
  expect(file.text).toBe('{"a":2,"b":1}');
  expect(file.headers.get('pointsman-generation')).toBe('1');
});

test('a publish that is repeated with its idempotency key returns the same release, marked as replayed', async () => {
  const key = { 'idempotency-key': 'run-42' };
  const first = await publish({ 'a.yaml': 'a: 1' }, {}, key);
  const again = await publish({ 'a.yaml': 'a: 1' }, {}, key);
  expect(first.headers.get('idempotency-replayed')).toBeNull();
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect([again.status, again.json['version']]).toEqual([202, first.json['version']]);
  await settled(1);
  expect((await api.call('GET', releases())).json['items']).toHaveLength(1);
});

test('a publish that is repeated with its idempotency key as an archive of the same source counts as the same request', async () => {
  const key = { 'idempotency-key': 'either-way' };
  await publish({ 'a.yaml': 'a: 1' }, { channel: 'live', message: 'm' }, key);
  const again = await api.call('POST', `${releases()}?channel=live&message=m`, {
    body: await tarGz({ './a.yaml': 'a: 1' }),
    headers: { ...key, 'content-type': 'application/gzip' },
  });
  expect(again.headers.get('idempotency-replayed')).toBe('true');
});

test.each([
  ['other files', { 'a.yaml': 'a: 2' }, {}],
  ['files that do not compile', { 'a.yaml': 'a: [' }, {}],
  ['another channel', { 'a.yaml': 'a: 1' }, { channel: 'staging' }],
])('a repeated idempotency key is refused for a publish with %s', async (_what, files, more) => {
  const key = { 'idempotency-key': 'used' };
  await publish({ 'a.yaml': 'a: 1' }, {}, key);
  const other = await publish(files, more, key);
  expect([other.status, other.json['code']]).toEqual([422, 'idempotency_key_reused']);
  expect((await api.call('GET', releases())).json['items']).toHaveLength(1);
});

test('twenty concurrent publishes with one idempotency key create one release', async () => {
  const key = { 'idempotency-key': 'storm' };
  const answers = await Promise.all(Array.from({ length: 20 }, () => publish({ 'a.yaml': 'a: 1' }, {}, key)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(answers.map(({ json }) => json['version']))).toEqual(new Set([1]));
});

test('If-Match refuses a publish when the pointer has moved since its author read it', async () => {
  await published({ 'a.yaml': 'a: 1' });
  await published({ 'a.yaml': 'a: 2' });
  const stale = await publish({ 'a.yaml': 'a: 3' }, {}, { 'if-match': '"1"' });
  expect(stale.status).toBe(412);
  expect(stale.json).toMatchObject({ code: 'pointer_moved', pointer: { version: 2, generation: 2 } });
  expect(stale.headers.get('etag')).toBe('"2"');
  expect((await publish({ 'a.yaml': 'a: 3' }, {}, { 'if-match': '"2"' })).status).toBe(202);
  await settled(3);
});

test('If-Match "0" requires a pointer that has not moved yet, and "*" requires one that has', async () => {
  const none = await publish({ 'a.yaml': 'a: 1' }, {}, { 'if-match': '*' });
  expect(none.status).toBe(412);
  expect(none.json).toMatchObject({ pointer: { version: null, generation: 0 } });
  expect((await publish({ 'a.yaml': 'a: 1' }, {}, { 'if-match': '"0"' })).status).toBe(202);
  await settled(1);
  expect((await publish({ 'a.yaml': 'a: 2' }, {}, { 'if-match': '"0"' })).status).toBe(412);
  expect((await publish({ 'a.yaml': 'a: 2' }, {}, { 'if-match': '*' })).status).toBe(202);
  await settled(2);
});

test('a dry run returns every mistake and stores nothing', async () => {
  const good = await api.call('POST', `${releases()}?dryRun=true`, { json: { files: { 'a.yaml': 'a: 1' } } });
  expect([good.status, good.json['valid'], good.json['diagnostics']]).toEqual([200, true, []]);
  const bad = await api.call('POST', `${releases()}?dryRun=true`, {
    json: { files: { 'a.yaml': 'a: 1\na: 2\n' } },
  });
  expect(bad.json).toMatchObject({ valid: false, diagnostics: [{ path: 'a.yaml', line: 2 }] });
  const path = await api.call('POST', `${releases()}?dryRun=true`, { json: { files: { '../a': '' } } });
  expect(path.json).toMatchObject({ valid: false, digest: null, diagnostics: [{ path: '../a' }] });
  expect((await api.call('GET', releases())).status).toBe(404);
});

test('a publish and a dry run return warnings for a file that no pattern selects and for a pattern without matches', async () => {
  const files = {
    'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["*.json", "agnets/*.yaml"] }]\n',
    'a.json': '{}',
    'agents/bot.yaml': 'a: 1',
  };
  const warnings = [
    { path: 'agents/bot.yaml', line: 1, code: 'not_selected' },
    {
      path: 'pointsman.yaml',
      line: 2,
      column: 35,
      code: 'matches_nothing',
      pointer: '/documents/0/include/1',
    },
  ];
  const dry = await api.call('POST', `${releases()}?dryRun=true`, { json: { files } });
  expect(dry.json).toMatchObject({ valid: true, diagnostics: [], warnings });
  const accepted = await publish(files);
  expect([accepted.status, accepted.json]).toMatchObject([202, { warnings }]);
  // The warnings are only in the response to the publish. They are not stored with the release.
  expect(await settled(1)).not.toHaveProperty('warnings');
});

test('the event stream of a release contains every event, or those after the last event that a reader has received', async () => {
  await publish({ 'a.yaml': 'a: 1' });
  const all = await api.call('GET', `${releases()}/1/events`);
  expect(all.headers.get('content-type')).toBe('text/event-stream');
  const ids = [...all.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(all.text).toContain('"stage":"validate","state":"passed"');
  expect(all.text.trimEnd().split('\n\n').at(-1)).toMatch(
    /^id: 15\nevent: settled\ndata: .*"outcome":"published"/,
  );
  const rest = await api.call('GET', `${releases()}/1/events`, {
    headers: { 'last-event-id': String(ids[3]) },
  });
  expect([...rest.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual(ids.slice(4));
});

test('a HEAD request opens no event stream, and the stream of a client that disconnects ends', async () => {
  const streams = async (): Promise<string | undefined> =>
    /^pointsman_release_streams (\d+)$/m.exec((await api.call('GET', '/metrics')).text)?.[1];
  await whileStagesLocked(async () => {
    await publish({ 'a.yaml': 'a: 1' });
    const head = await api.call('HEAD', `${releases()}/1/events`);
    expect([head.status, head.headers.get('content-type'), await streams()]).toEqual([
      200,
      'text/event-stream',
      '0',
    ]);
    const gone = new AbortController();
    const reader = api.call('GET', `${releases()}/1/events`, { signal: gone.signal });
    await eventually(async () => (await streams()) === '1', { what: 'the reader follows' });
    gone.abort();
    await expect(reader).rejects.toThrow('aborted');
    await eventually(async () => (await streams()) === '0', { what: 'the stream has ended' });
  });
  await settled(1);
});

test('a publish with the conflict rule "reject" is refused while another release is in flight, and the error has the version of that release', async () => {
  await whileStagesLocked(async () => {
    expect((await publish({ 'a.yaml': 'a: 1' })).status).toBe(202);
    const refused = await publish({ 'a.yaml': 'a: 2' }, { onConflict: 'reject' });
    expect([refused.status, refused.json['code'], refused.json['version']]).toEqual([409, 'conflict', 1]);
  });
  await settled(1);
  expect((await publish({ 'a.yaml': 'a: 2' }, { onConflict: 'reject' })).json).toMatchObject({ version: 2 });
  await settled(2);
});

test('a release that is live cannot be cancelled, and the error contains the outcome of the release', async () => {
  await published({ 'a.yaml': 'a: 1' });
  const answer = await api.call('POST', `${releases()}/1/cancel`, { json: { reason: 'too late' } });
  expect([answer.status, answer.json['code'], answer.json['outcome']]).toEqual([
    409,
    'already_settled',
    'published',
  ]);
});

test('releases are listed newest first, page by page', async () => {
  for (const n of [1, 2, 3]) await published({ 'a.yaml': `a: ${n}` });
  const first = await api.call('GET', `${releases()}?limit=2`);
  expect((first.json['items'] as { version: number }[]).map(({ version }) => version)).toEqual([3, 2]);
  const second = await api.call('GET', `${releases()}?limit=2&cursor=${String(first.json['next'])}`);
  expect(second.json).toMatchObject({ items: [{ version: 1 }], next: null });
});

test('a 404 response names the tenant, bundle or release that does not exist', async () => {
  const detail = async (path: string): Promise<unknown> => {
    const { status, json } = await api.call('GET', path);
    expect(status).toBe(404);
    return json['detail'];
  };
  expect(await detail('/v1/tenants/nobody/bundles/bot/releases/1')).toBe(
    'The tenant "nobody" does not exist.',
  );
  expect(await detail(`${releases()}/1`)).toBe(`The tenant "${tenant}" has no bundle "bot".`);
  await published({ 'a.yaml': 'a: 1' });
  expect(await detail(`${releases()}/99`)).toBe('The release v99 of "bot" does not exist.');
  expect(await detail(`${releases()}/99/events`)).toBe('The release v99 of "bot" does not exist.');
  expect(await detail(`${live()}/files/none.txt`)).toContain('The file "none.txt"');
  const nobody = await api.call('POST', '/v1/tenants/nobody/bundles/bot/releases', {
    json: { files: { a: '' } },
  });
  expect(nobody.status).toBe(404);
  const cancelled = await api.call('POST', `${releases()}/99/cancel`);
  expect([cancelled.status, cancelled.json['code']]).toEqual([404, 'not_found']);
});
