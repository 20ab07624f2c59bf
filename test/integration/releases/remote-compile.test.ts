import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { releaseKey } from '../../../packages/protocol/identifiers.ts';
import { Tenant } from '../../../handlers/contract/tenant.ts';
import { WAITING_FOR } from '../../../handlers/contract/release.ts';
import { findArtifactFile } from '../../../services/postgres/content/artifacts.ts';
import { findPointer } from '../../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import {
  type AskedWorld,
  build,
  compiled,
  compileFor,
  fetchSource,
  givePolicy,
  startAskedWorld,
  tell,
  upload,
} from '../../support/worlds/asked-world.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { gapsMs } from '../../support/servers/outside-server.ts';
import { contradictions } from '../../support/runs/record-check.ts';

let world: AskedWorld;
let tenant: string;
let path: string;

beforeAll(async () => {
  world = await startAskedWorld();
});
beforeEach(async () => {
  tenant = await newTenant(world.plane);
  path = `/${tenant}`;
});
afterEach(async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => world.stop());

const files = { 'a.txt': 'a text', 'deep/b.json': '{"b": 1}', 'empty.txt': '' };

/** Publishes a release whose compilation is requested at this test's path. */
async function publish(rule: object = {}): Promise<number> {
  const compile = { executor: 'http', url: world.address(path), ...rule };
  await givePolicy(world.plane, tenant, { compile });
  return accepted(world.plane, tenant, { files });
}
const release = (version: number) => findRelease(world.plane.db, { tenant, bundle: 'bundle', version });
const end = (version: number) => settled(world.plane, tenant, version);
const effects = async (version: number) =>
  (await release(version))?.effects.map(({ effect, state }) => `${effect} ${state}`).toSorted();

test('a remotely compiled artifact is published, and its files can be read through the pointer', async () => {
  const version = await publish();
  const [job] = await world.jobs(path, 1);
  expect(job).toMatchObject({
    tenant,
    bundle: 'bundle',
    version,
    channel: 'live',
    attempt: 1,
    correlationId: `${tenant}:bundle:v${version}`,
  });
  expect(await fetchSource(job!)).toEqual(files);
  expect(await compileFor(job!)).toMatchObject({ status: 200, json: { replayed: false } });
  expect((await end(version)).outcome).toBe('published');
  const pointer = await findPointer(world.plane.db, { tenant, bundle: 'bundle', channel: 'live' });
  expect(pointer).toMatchObject({ version, digest: build(files).digest });
  const file = await findArtifactFile(world.plane.db, tenant, pointer!.digest!, 'deep/b.json');
  expect(Buffer.from(file!.head).toString()).toBe(files['deep/b.json']);
  expect(await effects(version)).toEqual([
    'announcement done',
    'artifact-claim done',
    'compile-request done',
    'pointer-move done',
  ]);
});

test('a release that waits for its compiler shows the compiler and the deadline in its Restate state', async () => {
  const version = await publish({ within: '1h' });
  const [job] = await world.jobs(path, 1);
  const waits = await eventually(
    async () => {
      const rows = await world.plane.admin.query(
        `SELECT value_utf8 FROM state WHERE service_name = 'Release' AND key = '${WAITING_FOR}'
         AND service_key = '${releaseKey({ tenant, bundle: 'bundle', version })}'`,
      );
      return rows[0];
    },
    { what: 'the state of the release names its compiler' },
  );
  expect(JSON.stringify(waits)).toContain(`attempt 1 of 3: waits for 127.0.0.1`);
  expect(JSON.stringify(waits)).toContain(job!.deadline);
  expect(await release(version)).toMatchObject({
    status: 'waiting',
    waitingFor: [{ kind: 'compiler', name: '1' }],
    stage: 'compile',
    stages: [
      { stage: 'validate', state: 'passed' },
      { stage: 'compile', state: 'running' },
    ],
  });
  await compileFor(job!);
  await end(version);
});

test('mistakes that a remote compiler reports reject the release, each with its location', async () => {
  const version = await publish();
  const [job] = await world.jobs(path, 1);
  const place = { path: 'a.txt', line: 2, column: 1, pointer: '', code: 'spelling', message: 'not a word' };
  expect((await tell(job!.callback.url, { status: 'invalid', diagnostics: [place] })).status).toBe(200);
  expect(await end(version)).toMatchObject({ outcome: 'rejected', reason: 'a.txt:2:1: not a word' });
  expect((await release(version))?.stages).toContainEqual(
    expect.objectContaining({ stage: 'compile', state: 'failed', diagnostics: [place] }),
  );
  expect(await effects(version)).toEqual(['compile-request compensated']);
});

test('a remote compiler that fails is asked again with another callback address, as many times as the policy allows', async () => {
  const version = await publish({ attempts: 2 });
  const [first] = await world.jobs(path, 1);
  await tell(first!.callback.url, { status: 'failed', message: 'out of disk' });
  const [, second] = await world.jobs(path, 2);
  expect(second).toMatchObject({ attempt: 2, source: { digest: first!.source.digest } });
  expect(second!.callback.url).not.toBe(first!.callback.url);
  expect(await tell(first!.callback.url, compiled(build(files)))).toMatchObject({ status: 409 });
  await tell(second!.callback.url, { status: 'failed', message: 'out of disk again' });
  expect(await end(version)).toMatchObject({
    outcome: 'errored',
    reason: 'not compiled in 2 attempts; the last one: the compiler reports: out of disk again',
  });
  expect(await findPointer(world.plane.db, { tenant, bundle: 'bundle', channel: 'live' })).toMatchObject({
    generation: 0,
  });
});

test('a remote compiler that does not report ends the release as errored, and its late report is refused', async () => {
  const version = await publish({ attempts: 2, within: '5s' });
  const { outcome, reason } = await end(version);
  expect(outcome).toBe('errored');
  expect(reason).toMatch(/^not compiled in 2 attempts; the last one: the compiler did not respond before /);
  for (const job of await world.jobs(path, 2)) {
    expect(await tell(job.callback.url, { status: 'failed', message: 'late' })).toMatchObject({
      status: 410,
      json: { code: 'callback_expired' },
    });
    const source = await fetch(job.source.url);
    expect([source.status, await source.json()]).toMatchObject([410, { code: 'callback_expired' }]);
    expect(await upload(job, build(files).blobs[0]!)).toBe(410);
  }
});

test('a compile report with a missing blob is refused with the digest of that blob, and can be sent again', async () => {
  const version = await publish();
  const [job] = await world.jobs(path, 1);
  const built = build({ 'a.txt': 'compiled a', 'b.txt': 'compiled b' });
  const [first, ...rest] = built.blobs;
  for (const blob of rest) expect(await upload(job!, blob)).toBe(201);
  expect(await tell(job!.callback.url, compiled(built))).toMatchObject({
    status: 422,
    json: { code: 'incomplete_artifact', missing: [first!.digest], problems: [] },
  });
  expect(await upload(job!, { ...first!, text: 'something else' })).toBe(422);
  expect(await upload(job!, first!)).toBe(201);
  expect(await upload(job!, first!)).toBe(200);
  expect(await tell(job!.callback.url, compiled(built))).toMatchObject({ status: 200 });
  expect((await end(version)).outcome).toBe('published');
});

test('a repeated compile report counts once, and a different report is refused with the result of the first', async () => {
  const version = await publish();
  const [job] = await world.jobs(path, 1);
  const built = build(files);
  for (const blob of built.blobs) await upload(job!, blob);
  const [one, two] = await Promise.all([
    tell(job!.callback.url, compiled(built)),
    tell(job!.callback.url, compiled(built)),
  ]);
  expect(new Set([one.json['replayed'], two.json['replayed']])).toEqual(new Set([false, true]));
  expect((await end(version)).outcome).toBe('published');
  expect(await tell(job!.callback.url, compiled(built))).toMatchObject({
    status: 200,
    json: { replayed: true },
  });
  expect(await tell(job!.callback.url, { status: 'failed', message: 'no' })).toMatchObject({
    status: 409,
    json: { code: 'callback_used', result: 'compiled' },
  });
});

test('a remote compiler that responds with Retry-After is called again only after that time, with the same Idempotency-Key and callback address', async () => {
  world.script(path, { status: 429, headers: { 'retry-after': '5' } }, { status: 202 });
  const version = await publish({ within: '1h' });
  const asked = await world.asked(path, 2);
  const [first, second] = asked;
  expect(gapsMs(asked)[0]).toBeGreaterThanOrEqual(5_000);
  expect(second!.body).toBe(first!.body);
  const key = `${tenant}:bundle:v${version}:compile:1`;
  expect([first, second].map((one) => one!.headers['idempotency-key'])).toEqual([key, key]);
  const [job] = await world.jobs(path, 1);
  await compileFor(job!);
  expect((await end(version)).outcome).toBe('published');
});

test('a remote compiler that refuses the request is not asked again, and the release ends as errored with the status of that response', async () => {
  world.script(path, { status: 404 });
  const version = await publish();
  const { outcome, reason } = await end(version);
  expect(outcome).toBe('errored');
  expect(reason).toContain('404');
  expect(await world.asked(path, 1)).toHaveLength(1);
  expect(await effects(version)).toEqual(['compile-request failed']);
});

test('a remote compiler at a forbidden address is not called, and the release ends as errored with the reason', async () => {
  const version = await publish({ url: 'http://10.1.2.3/compile' });
  const { outcome, reason } = await end(version);
  expect(outcome).toBe('errored');
  expect(reason).toContain('10.1.2.3: calls to its address are not allowed');
});

test('a Celery task that the operator does not allow ends the release as errored with the reason', async () => {
  await givePolicy(world.plane, tenant, {
    compile: { executor: 'celery', broker: 'rabbitmq', queue: 'compile' },
  });
  const version = await accepted(world.plane, tenant);
  expect(await end(version)).toMatchObject({
    outcome: 'errored',
    reason: expect.stringContaining('the operator does not allow the task "pointsman.compile"'),
  });
});

test('a release that is cancelled during its compilation settles immediately, and the report of its compiler gets 410', async () => {
  const version = await publish({ within: '1h' });
  const [job] = await world.jobs(path, 1);
  const cancel = { bundle: 'bundle', version, by: 'ann', reason: 'wrong file' };
  await world.plane.ingress.client(Tenant, tenant).cancel(cancel);
  expect(await end(version)).toMatchObject({ outcome: 'cancelled' });
  expect(await tell(job!.callback.url, { status: 'failed', message: 'x' })).toMatchObject({
    status: 410,
    json: { code: 'callback_revoked' },
  });
  expect(await effects(version)).toEqual(['compile-request compensated']);
});

test('a release that an operator kills during its compilation settles as errored, and the report of its compiler gets 410', async () => {
  const version = await publish({ within: '1h' });
  const [job] = await world.jobs(path, 1);
  const rows = await world.plane.admin.query(
    `SELECT id FROM sys_invocation WHERE target = 'Release/${tenant}/bundle/v${version}/run'`,
  );
  const { id } = rows[0] as { id: string };
  await world.plane.admin.killInvocation(id);
  expect((await end(version)).outcome).toBe('errored');
  expect(await tell(job!.callback.url, { status: 'failed', message: 'x' })).toMatchObject({
    status: 410,
    json: { code: 'callback_revoked' },
  });
  expect(await effects(version)).toEqual(['compile-request compensated']);
});

test('a compile report during an outage of the worker gets 503, and the repeated report counts once', async () => {
  const version = await publish({ within: '1h' });
  const [job] = await world.jobs(path, 1);
  const built = build(files);
  for (const blob of built.blobs) await upload(job!, blob);
  await world.plane.worker.down();
  expect(await tell(job!.callback.url, compiled(built))).toMatchObject({ status: 503 });
  await world.plane.worker.start();
  const again = await tell(job!.callback.url, compiled(built));
  expect(again.status).toBe(200);
  expect(await end(version)).toMatchObject({ outcome: 'published', generation: 1 });
  const sql = `SELECT count(*)::int AS reports FROM audit WHERE tenant = $1 AND action = 'compile report'`;
  expect(await world.plane.db.call(tenant, sql, [tenant])).toEqual([{ reports: 1 }]);
});

test('the remote compiler is asked once, even if the worker dies and Restate loses its data during the compilation', async () => {
  const version = await publish({ within: '1h' });
  const [job] = await world.jobs(path, 1);
  await eventually(async () => (await effects(version))?.includes('compile-request done'), {
    what: 'the request is recorded',
  });
  await world.plane.worker.down();
  await world.plane.restate.lose();
  await world.plane.worker.start();
  await compileFor(job!);
  expect((await end(version)).outcome).toBe('published');
  expect(await world.asked(path, 1)).toHaveLength(1);
});

test('the API does not compile a source of a tenant with a remote compiler, and still refuses a body that is not a source', async () => {
  await publish({ within: '1h' });
  const at = `/v1/tenants/${tenant}/bundles/other/releases`;
  const broken = { files: { 'a.json': '{not json' } };
  const dry = await world.api.call('POST', `${at}?dryRun=true`, { json: broken });
  expect(dry.json).toMatchObject({ valid: true, checked: 'structure' });
  expect((await world.api.call('POST', at, { json: broken })).status).toBe(202);
  expect(await world.api.call('POST', at, { json: { files: {} } })).toMatchObject({ status: 422 });
});
