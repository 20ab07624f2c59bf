import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { CheckRequest } from '../../../packages/protocol/callouts/check-request.ts';
import type { CompileJob } from '../../../packages/protocol/callouts/compile-job.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { sourceLimits } from '../../../packages/protocol/limits.ts';
import { callbackLimits } from '../../../core/limits/callout-limits.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import {
  type AskedWorld,
  build,
  fetchSource,
  givePolicy,
  startAskedWorld,
  tell,
} from '../../support/worlds/asked-world.ts';
import { accepted, newTenant, type PublishOptions, settled } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { say, waitingGates } from '../../support/data/gates.ts';
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

const end = (version: number) => settled(world.plane, tenant, version);
const id = (version: number) => ({ tenant, bundle: 'bundle', version });
const effects = async (version: number) =>
  (await findRelease(world.plane.db, id(version)))?.effects
    .map(({ effect, state }) => `${effect} ${state}`)
    .filter((line) => line.startsWith('check-request'));

/** Publishes a release, and waits until its check was requested at this test's path. */
async function checking(rule: object = {}): Promise<{ version: number; request: CheckRequest }> {
  const check = { name: 'e2e', url: world.address(path), ...rule };
  await givePolicy(world.plane, tenant, { channels: { live: { gates: [{ check }] } } });
  const version = await accepted(world.plane, tenant);
  const [request] = await world.checks(path, 1);
  return { version, request: request! };
}

/** Publishes a release with a remote compiler at this test's path, and returns the job that the compiler receives. */
async function compiling(files?: PublishOptions['files']): Promise<CompileJob> {
  const compile = { executor: 'http', url: world.address(path), within: '1h' };
  await givePolicy(world.plane, tenant, { compile });
  await accepted(world.plane, tenant, files ? { files } : {});
  const [job] = await world.jobs(path, 1);
  return job!;
}

const put = (job: CompileJob, digest: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  fetch(`${job.upload.url}/${digest}`, { method: 'PUT', body: new Uint8Array(Buffer.from(body)), headers });
const code = async (response: Response) => ((await response.json()) as { code?: string }).code;

describe('a check that is requested from a service', () => {
  test('is requested with a description of its release, and the report of the service decides the gate', async () => {
    const { version, request } = await checking();
    const release = await findRelease(world.plane.db, id(version));
    expect(request).toMatchObject({
      tenant,
      bundle: 'bundle',
      version,
      channel: 'live',
      check: 'e2e',
      digest: release?.digest,
      correlationId: `${tenant}:bundle:v${version}`,
    });
    const word = { conclusion: 'success', summary: '40 of 40', url: 'https://ci.example/1' };
    expect(await tell(request.callback.url, word)).toMatchObject({ status: 200, json: { replayed: false } });
    expect((await end(version)).outcome).toBe('published');
    expect(await tell(request.callback.url, word)).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await effects(version)).toEqual(['check-request done']);
  });

  test('rejects the release with its summary when the service reports a failure', async () => {
    const { version, request } = await checking();
    await tell(request.callback.url, { conclusion: 'failure', summary: '3 of 40 failed' });
    expect(await end(version)).toMatchObject({
      outcome: 'rejected',
      reason: 'the check "e2e" failed, reported by callback/e2e: 3 of 40 failed',
    });
    expect(await tell(request.callback.url, { conclusion: 'success' })).toMatchObject({
      status: 409,
      json: { code: 'callback_used', result: 'failure' },
    });
    expect(await effects(version)).toEqual(['check-request compensated']);
  });

  test('rejects the release with the reason when the service refuses the request', async () => {
    world.script(path, { status: 403 });
    const { version } = await checking();
    const { outcome, reason } = await end(version);
    const failed = /^the check "e2e" failed, reported by pointsman\/callout: request failed: .*403/;
    expect([outcome, reason]).toEqual(['rejected', expect.stringMatching(failed)]);
    expect(await effects(version)).toEqual(['check-request failed']);
  });

  test('at a forbidden address is not requested, and the release is rejected with the reason', async () => {
    const check = { name: 'e2e', url: 'http://169.254.169.254/latest' };
    await givePolicy(world.plane, tenant, { channels: { live: { gates: [{ check }] } } });
    const { outcome, reason } = await end(await accepted(world.plane, tenant));
    expect(outcome).toBe('rejected');
    expect(reason).toContain('169.254.169.254: calls to its address are not allowed');
  });

  test('is requested once, even if the release evaluates its gates again and the worker is killed afterwards', async () => {
    const approval = { name: 'release' };
    const check = { name: 'e2e', url: world.address(path) };
    const gates = [{ approval }, { check }];
    await givePolicy(world.plane, tenant, { channels: { live: { gates } } });
    const version = await accepted(world.plane, tenant);
    await waitingGates(world.plane, tenant, 2);
    const [request] = await world.checks(path, 1);
    // Waits until the response is recorded. If the worker died before that, it would have to send the request again.
    const isRecorded = async () => (await effects(version))?.includes('check-request done');
    await eventually(isRecorded, { what: 'the request for the check is recorded' });
    await world.plane.worker.kill();
    await say(world.plane, id(version), 'approve');
    await waitingGates(world.plane, tenant, 1);
    await tell(request!.callback.url, { conclusion: 'success' });
    expect((await end(version)).outcome).toBe('published');
    expect(await world.asked(path, 1)).toHaveLength(1);
  });

  test('is requested again with the same idempotency key and callback address when the worker dies before the response arrives', async () => {
    world.script(path, 'silence', { status: 202 });
    const { version, request } = await checking();
    await world.plane.worker.kill();
    const asked = await world.asked(path, 2);
    expect(new Set(asked.map(({ body }) => body)).size).toBe(1);
    expect(new Set(asked.map(({ headers }) => headers['idempotency-key']))).toEqual(
      new Set([`${tenant}:bundle:v${version}:check:e2e`]),
    );
    await tell(request.callback.url, { conclusion: 'success' });
    expect((await end(version)).outcome).toBe('published');
    expect(await world.asked(path, 2)).toHaveLength(2);
    expect(await effects(version)).toEqual(['check-request done']);
  });

  test('refuses the report of the service once an admin has reported the result', async () => {
    const { version, request } = await checking();
    await say(world.plane, id(version), 'success', { gate: 'e2e', by: 'root', roles: ['admin'] });
    expect((await end(version)).outcome).toBe('published');
    expect(await tell(request.callback.url, { conclusion: 'failure' })).toMatchObject({
      status: 410,
      json: { code: 'callback_revoked' },
    });
  });

  test('refuses a compile report, and its callback address serves no source', async () => {
    const { version, request } = await checking();
    const { url } = request.callback;
    expect(await tell(url, { status: 'failed', message: 'x' })).toMatchObject({ status: 422 });
    expect((await fetch(`${url}/source`)).status).toBe(404);
    await tell(url, { conclusion: 'success' });
    expect((await end(version)).outcome).toBe('published');
  });
});

describe('a callback address', () => {
  test('that does not exist returns the same 404 response as any other unknown address', async () => {
    const guesses = ['x', 'pmc_', `pmc_${'A'.repeat(43)}`, `pmc_${'A'.repeat(44)}`, '%00', '..%2f..', 'é'];
    const answers = new Set<string>();
    for (const guess of guesses) {
      const response = await fetch(`${world.api.url}/v1/callbacks/${guess}`, { method: 'POST', body: '{' });
      const { requestId: _id, ...problem } = (await response.json()) as Record<string, unknown>;
      answers.add(JSON.stringify(problem));
    }
    expect([...answers]).toEqual([expect.stringContaining('"code":"not_found"')]);
  });

  test('appears in no log line and in no response', async () => {
    const job = await compiling();
    const { url } = job.callback;
    const capability = url.slice(url.lastIndexOf('/') + 1);
    const bodies = [
      await (await fetch(`${url}/nothing`)).text(),
      await (await fetch(url)).text(),
      await (await fetch(`${url}?x=1`, { method: 'POST' })).text(),
      await (await fetch(`${url}/blobs/x`, { method: 'PUT', body: 'x' })).text(),
      await (await fetch(`${world.api.url}//v1/callbacks/${capability}`)).text(),
      await (await fetch(`${world.api.url}/v1/tenants/${capability}`)).text(),
      await (
        await fetch(url, { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } })
      ).text(),
      JSON.stringify(await tell(url, { status: 'failed', message: 'x' })),
      await (await fetch(`${world.api.url}/metrics`, { headers: { authorization: 'x' } })).text(),
    ];
    expect(bodies.filter((body) => body.includes(capability))).toEqual([]);
    expect(world.api.logged.length).toBeGreaterThan(bodies.length);
    expect(world.api.logged.filter((line) => line.includes(capability))).toEqual([]);
  });

  test('refuses a body above the size limit, and stays valid', async () => {
    const job = await compiling();
    const message = 'x'.repeat(callbackLimits.bodyBytes);
    expect(await tell(job.callback.url, { status: 'failed', message })).toMatchObject({ status: 413 });
    expect((await fetch(job.source.url, { method: 'HEAD' })).status).toBe(200);
  });
});

describe('the source of a compile job', () => {
  test('is the same archive on each download, for any size, with long paths and empty files', async () => {
    const large = 'x'.repeat(sourceLimits.fileBytes);
    const files = {
      [`${'long/'.repeat(60)}name.txt`]: 'long',
      'a.bin': large,
      'b.bin': `${large.slice(1)}b`,
      'empty.txt': '',
      'ø.txt': 'ø',
    };
    const job = await compiling(files);
    const digests = new Set<string>();
    for (let i = 0; i < 2; i++) {
      digests.add(digestOf(new Uint8Array(await (await fetch(job.source.url)).arrayBuffer())));
    }
    expect(digests.size).toBe(1);
    expect(await fetchSource(job)).toEqual(files);
  });

  test('stays readable after clients disconnect in the middle of a download or send only HEAD requests', async () => {
    const job = await compiling({ 'a.bin': 'x'.repeat(sourceLimits.fileBytes) });
    for (let i = 0; i < 20; i++) {
      await fetch(job.source.url, { method: 'HEAD' });
      const response = await fetch(job.source.url);
      await response.body?.cancel();
    }
    expect(Object.keys(await fetchSource(job))).toEqual(['a.bin']);
  });
});

describe('an uploaded blob', () => {
  test('keeps its content type, and a client can check that it exists but cannot download it', async () => {
    const job = await compiling();
    const digest = digestOf('a blob');
    const at = `${job.upload.url}/${digest}`;
    expect((await fetch(at, { method: 'HEAD' })).status).toBe(404);
    expect((await put(job, digest, 'a blob', { 'content-type': 'text/x-blob; charset=utf-8' })).status).toBe(
      201,
    );
    expect((await fetch(at, { method: 'HEAD' })).status).toBe(200);
    expect(await (await fetch(at)).json()).toEqual({
      digest,
      mediaType: 'text/x-blob; charset=utf-8',
      size: 6,
    });
    expect((await put(job, digest, 'a blob', { 'content-type': 'text/other' })).status).toBe(200);
  });

  test('is refused when it does not match its digest, has a content encoding, or has an invalid content type', async () => {
    const job = await compiling();
    const digest = digestOf('a blob');
    const wrong = await put(job, digest, 'another');
    expect([wrong.status, await code(wrong)]).toEqual([422, 'wrong_content']);
    expect((await put(job, digest, 'a blob', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await put(job, digest, 'a blob', { 'content-type': 'not a type' })).status).toBe(415);
    expect((await put(job, 'sha256:x', 'a blob')).status).toBe(422);
    expect((await fetch(`${job.upload.url}/${digest}`, { method: 'HEAD' })).status).toBe(404);
  });

  test('of the largest allowed size is accepted, and one byte more is refused', async () => {
    const job = await compiling();
    const largest = Buffer.alloc(callbackLimits.blobBytes, 'x');
    expect((await put(job, digestOf(largest), largest)).status).toBe(201);
    const larger = Buffer.alloc(callbackLimits.blobBytes + 1, 'x');
    expect(
      await put(job, digestOf(larger), larger).then(
        ({ status }) => status,
        () => 413,
      ),
    ).toBe(413);
  });

  test('of one release cannot be used by another release', async () => {
    const job = await compiling();
    const built = build({ 'a.txt': 'only here' });
    for (const blob of built.blobs) await put(job, blob.digest, blob.text);
    tenant = await newTenant(world.plane);
    path = `/${tenant}`;
    const other = await compiling();
    const said = { status: 'compiled', artifacts: [{ channel: null, digest: built.digest }] };
    expect(await tell(other.callback.url, said)).toMatchObject({
      status: 422,
      json: { missing: [built.digest] },
    });
  });
});
