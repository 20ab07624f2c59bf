import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { sourceLimits } from '../../../packages/protocol/limits.ts';
import type { FileContent } from '../../../packages/protocol/releases/release-bodies.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { as, madeToken } from '../../support/data/tokens.ts';
import {
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { runCli } from '../../support/runs/run-cli.ts';

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

const of = (text: string): FileContent => ({ digest: digestOf(text) });
const publish = (files: Record<string, FileContent>, headers: Record<string, string> = {}) =>
  api.call('POST', `/v1/tenants/${tenant}/bundles/bundle/releases`, { json: { files }, headers });
const missing = (digests: readonly string[], own = tenant) =>
  api.call('POST', `/v1/tenants/${own}/missing-blobs`, { json: { digests } });

async function published(files: Record<string, FileContent>) {
  const { status, json } = await publish(files);
  expect(status, JSON.stringify(json)).toBe(202);
  return settled(plane, tenant, Number(json['version']));
}

describe('a publish that names stored files by their digests', () => {
  test('gives the same source and artifact as a publish of all contents, and its files can be compiled', async () => {
    const files = { 'a.json': '{"a": 1}', 'b.txt': 'b', 'c.txt': 'c' };
    await published(files);
    const partly = await published({ 'a.json': '{"a": 2}', 'b.txt': of('b'), 'copy.txt': of('c') });
    const whole = await published({ 'a.json': '{"a": 2}', 'b.txt': 'b', 'copy.txt': 'c' });
    expect(whole).toMatchObject({ source: partly.source, digest: partly.digest, outcome: 'unchanged' });
    const renamed = await published({ 'renamed.json': of('{"a": 1}'), 'b.txt': of('b') });
    expect(renamed.outcome).toBe('published');
    const path = `/v1/tenants/${tenant}/bundles/bundle/channels/live/files/renamed.json`;
    expect((await api.call('GET', path)).text).toBe('{"a":1}');
  });

  test('counts as the same request as a publish of all contents with the same idempotency key', async () => {
    await published({ 'a.txt': 'a' });
    const key = { 'idempotency-key': 'once' };
    const first = await publish({ 'a.txt': 'a', 'b.txt': 'b' }, key);
    const again = await publish({ 'a.txt': of('a'), 'b.txt': 'b' }, key);
    expect([first.status, again.status, again.json['version']]).toEqual([202, 202, first.json['version']]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    await settled(plane, tenant, Number(first.json['version']));
  });

  test('is refused with the missing digests if a content is not stored for this tenant, and uses no version', async () => {
    await published({ 'a.txt': 'a' });
    const other = tenant;
    tenant = await newTenant(plane);
    const refused = await publish({ 'a.txt': of('a'), 'b.txt': 'b' });
    expect(refused).toMatchObject({
      status: 422,
      json: { code: 'missing_content', missing: [digestOf('a')] },
    });
    expect((await missing([digestOf('b')])).json).toEqual({ missing: [digestOf('b')] });
    tenant = other;
    expect(await published({ 'a.txt': of('a'), 'b.txt': 'b' })).toMatchObject({ version: 2 });
  });

  test('is refused if the named files together exceed the limit of a source', async () => {
    const large = 'x'.repeat(sourceLimits.fileBytes);
    await published({ 'large.txt': large });
    const names = Array.from({ length: 5 }, (_none, n): [string, FileContent] => [`${n}.txt`, of(large)]);
    expect(await publish(Object.fromEntries(names))).toMatchObject({
      status: 413,
      json: { code: 'too_large' },
    });
  });

  test('is checked by a dry run in the same way', async () => {
    await published({ 'a.txt': 'a' });
    const path = `/v1/tenants/${tenant}/bundles/bundle/releases?dryRun=true`;
    const dry = (files: Record<string, FileContent>) => api.call('POST', path, { json: { files } });
    expect((await dry({ 'a.txt': of('a'), 'b.json': '{' })).json).toMatchObject({ valid: false });
    expect((await dry({ 'a.txt': of('a') })).json).toMatchObject({ valid: true });
    expect(await dry({ 'a.txt': of('z') })).toMatchObject({ status: 422, json: { code: 'missing_content' } });
  });
});

describe('the question which contents are missing', () => {
  test('is answered for this tenant, each digest once and in order', async () => {
    await published({ 'a.txt': 'a' });
    const asked = ['z', 'a', 'y', 'z'].map((text) => digestOf(text));
    expect((await missing(asked)).json).toEqual({ missing: [digestOf('z'), digestOf('y')] });
    const other = await newTenant(plane);
    expect((await missing([digestOf('a')], other)).json).toEqual({ missing: [digestOf('a')] });
  });

  test('is refused for an unknown tenant, without a digest, with too many digests, and for a token that may not publish', async () => {
    const many = Array.from({ length: sourceLimits.digestsPerRequest + 1 }, (_none, n) =>
      digestOf(String(n)),
    );
    expect((await missing([digestOf('a')], 'nobody-knows')).status).toBe(404);
    for (const digests of [[], many, ['a']]) expect((await missing(digests)).status).toBe(422);
    expect((await missing(many.slice(1))).json['missing']).toHaveLength(sourceLimits.digestsPerRequest);
    const { token } = await madeToken(api, { name: 'viewer', tenant, roles: ['viewer'] });
    const path = `/v1/tenants/${tenant}/missing-blobs`;
    const refused = await api.call('POST', path, { ...as(token), json: { digests: [digestOf('a')] } });
    expect(refused.status).toBe(403);
  });
});

test('"pointsman publish" sends only the files that are not stored', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-stored-'));
  try {
    await mkdir(join(folder, 'one'));
    await writeFile(join(folder, 'one/large.bin'), randomBytes(200_000));
    await writeFile(join(folder, 'one/small.txt'), 'one');
    await cp(join(folder, 'one'), join(folder, 'two'), { recursive: true });
    await writeFile(join(folder, 'two/small.txt'), 'two');
    const env = { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: api.adminToken, POINTSMAN_TENANT: tenant };
    const cli = (name: string) =>
      runCli(['publish', join(folder, name), '--bundle', 'bundle'], { env: { ...env } });
    const first = await cli('one');
    expect([first.exit, first.stdout.includes('sending')]).toEqual([0, false]);
    const second = await cli('two');
    expect(second.exit, second.stderr).toBe(0);
    expect(second.stdout).toContain('sending 1 of 2 files; the others are stored\n');
    expect(second.stdout).toContain('is live at generation 2\n');
    const third = await cli('two');
    expect(third.stdout).toContain('sending 0 of 2 files; the others are stored\n');
    expect(third.stdout).toContain('the same artifact is already live, as v2\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
