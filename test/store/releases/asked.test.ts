import { describe, expect, test } from 'vitest';

import type { CheckReport } from '../../../packages/protocol/callouts/check-request.ts';
import type { CompileReport } from '../../../packages/protocol/callouts/compile-job.ts';
import { Role } from '../../../packages/protocol/access.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { type CalloutId, calloutKey } from '../../../core/callout.ts';
import { callbackLimits } from '../../../core/limits/callout-limits.ts';
import { storeBlobs } from '../../../services/postgres/content/blobs.ts';
import { putCallbackBlob } from '../../../services/postgres/releases/callback-blobs.ts';
import { evaluateCallback } from '../../../services/postgres/releases/callbacks.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { callbackStore } from '../../support/worlds/callback-store.ts';
import { prepareRelease } from '../../../services/postgres/releases/stages.ts';
import { admitted, putCompilation, times } from '../../support/worlds/store.ts';

const world = callbackStore();
const check = (): CalloutId => ({ id: world.bench.release(1), purpose: 'check', subject: 'e2e' });

describe('a report of a remote compilation', () => {
  const said = (digest: string): CompileReport => ({
    status: 'compiled',
    artifacts: [{ channel: null, digest }],
  });
  const put = async (text: string): Promise<string> => {
    const digest = digestOf(text);
    const blob = { digest, mediaType: 'application/json', content: Buffer.from(text) };
    await storeBlobs(world.bench.store.db, world.bench.tenant, [blob]);
    return digest;
  };
  const manifest = (changed: object) => ({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { digest: digestOf('{}'), mediaType: 'application/json', size: 2 },
    layers: [],
    ...changed,
  });

  test('a report is accepted only when all its blobs are stored, and the missing blobs are returned until then', async () => {
    const callout = await world.compiling();
    const file = digestOf('x');
    const layer = {
      digest: file,
      mediaType: 'text/plain',
      size: 1,
      annotations: { 'org.opencontainers.image.title': 'x' },
    };
    const text = JSON.stringify(manifest({ layers: [layer] }));
    const report = said(digestOf(text));
    expect(await world.report(callout, report)).toEqual({
      kind: 'unfit',
      missing: [digestOf(text)],
      problems: [],
    });
    await put(text);
    expect(await world.report(callout, report)).toEqual({
      kind: 'unfit',
      missing: [digestOf('{}'), file],
      problems: [],
    });
    await put('{}');
    await put('x');
    expect(await world.report(callout, report)).toMatchObject({ kind: 'taken', replayed: false });
  });

  test.each([
    ['is not JSON', 'no JSON', 'not JSON'],
    ['is not an OCI manifest', '{"a":1}', 'not an OCI image manifest'],
    [
      'has a file without a name',
      JSON.stringify(manifest({ layers: [manifest({}).config] })),
      '/layers/0/annotations',
    ],
    [
      'has a path outside its folder',
      JSON.stringify(
        manifest({
          layers: [{ ...manifest({}).config, annotations: { 'org.opencontainers.image.title': '../x' } }],
        }),
      ),
      '".."',
    ],
    [
      'declares a wrong size',
      JSON.stringify(manifest({ config: { ...manifest({}).config, size: 3 } })),
      'declares 3',
    ],
    [
      'contains a text that PostgreSQL can’t store',
      JSON.stringify(manifest({ x: '\0' })),
      'not valid Unicode',
    ],
  ])('an artifact whose manifest %s is refused with the reason', async (_what, text, problem) => {
    const callout = await world.compiling();
    await put('{}');
    const refused = await world.report(callout, said(await put(text)));
    expect(refused).toMatchObject({
      kind: 'unfit',
      missing: [],
      problems: [expect.stringContaining(problem)],
    });
    expect(await world.report(callout, await world.whole('a'))).toMatchObject({
      kind: 'taken',
      replayed: false,
    });
  });
});

describe('a check with a URL', () => {
  const rule = { check: { name: 'e2e', url: 'https://ci.example/run' } };
  const success: CheckReport = { conclusion: 'success' };
  const asked = async () => {
    const digest = await world.bench.waiting(1, rule);
    expect(await world.open(check())).toEqual({ kind: 'open', channel: 'live', digest });
    return check();
  };
  const reported = (by: string, ...roles: Role[]) =>
    world.bench.say(1, { kind: 'check', gate: 'e2e', decision: 'success', by, roles });

  test('only the callback or an admin can report the check', async () => {
    const callout = await asked();
    for (const role of Role.options.filter((one) => one !== 'admin')) {
      expect(await reported('somebody', role), role).toEqual({
        kind: 'asked_check',
        gate: 'e2e',
        role: 'admin',
      });
    }
    expect(await world.report(callout, success)).toMatchObject({ kind: 'taken' });
    expect(await reported('root', 'admin')).toMatchObject({ kind: 'decided', by: 'callback/e2e' });
  });

  test('a report passes or fails the gate, like any other decision', async () => {
    const callout = await asked();
    const failure: CheckReport = { conclusion: 'failure', summary: '3 of 40', url: 'https://ci.example/1' };
    expect(await world.report(callout, failure)).toEqual({
      kind: 'taken',
      replayed: false,
      awakeableId: null,
      decisionNumber: 1,
    });
    expect(await world.report(callout, failure)).toMatchObject({
      kind: 'taken',
      replayed: true,
      decisionNumber: 1,
    });
    expect(await world.report(callout, success)).toMatchObject({ kind: 'used', result: 'failure' });
    expect(await world.bench.evaluate(1)).toEqual({
      kind: 'failed',
      reason: 'the check "e2e" failed, reported by callback/e2e: 3 of 40',
    });
  });

  test('after an admin has decided the check, a report of the service is refused', async () => {
    const callout = await asked();
    await reported('root', 'admin');
    expect(await world.report(callout, { conclusion: 'failure' })).toEqual({
      kind: 'revoked',
      reason: 'the check "e2e" is decided already',
    });
    expect(await world.bench.evaluate(1)).toMatchObject({ kind: 'passed' });
    expect(await world.open({ ...callout, subject: 'e2e' }, { capability: 'second' })).toEqual({
      kind: 'over',
    });
  });

  test('after the release is live, a report of the service is refused', async () => {
    const callout = await asked();
    await world.callbacks.recordRequested(callout, 'asked of ci.example', world.bench.openedAt);
    await reported('root', 'admin');
    await world.bench.evaluate(1);
    expect(await world.bench.swap(1, 0)).toMatchObject({ kind: 'moved' });
    expect(await world.report(callout, success)).toEqual({
      kind: 'revoked',
      reason: 'its release has been published',
    });
    expect(await world.callbacks.isOpen(callout)).toBe(false);
  });

  test('a release that settles as unchanged refuses later reports of the service', async () => {
    const callout = await asked();
    const { bench } = world;
    const second = bench.release(2);
    await reported('root', 'admin');
    await bench.evaluate(1);
    await bench.policy();
    const digest = (await bench.found(1)).digest ?? '';
    await admitted(bench.store, second);
    await putCompilation(bench.store, second, [{ channel: null, digest }]);
    await prepareRelease(bench.store.db, second, 'live', times);
    expect(await bench.swap(2, 0)).toMatchObject({ kind: 'moved', generation: 1 });
    expect(await bench.swap(1, 1)).toEqual({ kind: 'unchanged', version: 2 });
    expect(await world.report(callout, success)).toEqual({
      kind: 'revoked',
      reason: 'the artifact of its release was live already',
    });
  });
});

describe('giving up a request for a report', () => {
  test('giving up records the request as failed in the ledger and ends the attempt with the reason, and a repeat changes nothing', async () => {
    const callout = await world.compiling();
    const why = { reason: 'ci.example: answered 404', final: true, at: world.bench.openedAt };
    expect(await world.callbacks.giveUp(callout, why)).toBe(true);
    expect(await world.callbacks.giveUp(callout, why)).toBe(true);
    expect(await world.effects()).toEqual(['compile-request failed']);
    expect(await world.end(callout)).toEqual({
      kind: 'failed',
      reason: 'ci.example: answered 404',
      final: true,
    });
  });

  test('a request with a report counts as arrived, even if its sender gives up', async () => {
    const callout = await world.compiling();
    await world.report(callout, await world.whole('a'));
    const why = { reason: 'ci.example: no answer', final: false, at: world.bench.openedAt };
    expect(await world.callbacks.giveUp(callout, why)).toBe(false);
    expect(await world.effects()).toEqual(['compile-request done']);
    expect(await world.end(callout)).toMatchObject({ kind: 'compiled' });
  });
});

describe('an attempt of a remote compilation', () => {
  test('an attempt that ended before its request was recorded refuses that request', async () => {
    await admitted(world.bench.store, world.bench.release(1));
    expect(await world.end(world.compile())).toMatchObject({ kind: 'failed', final: false });
    expect(await world.open(world.compile())).toEqual({ kind: 'over' });
  });

  test('an attempt that reported diagnostics fails, and its stage has those diagnostics', async () => {
    const callout = await world.compiling();
    const place = {
      path: 'a.yaml',
      line: 3,
      column: 1,
      pointer: '',
      code: 'type',
      message: 'must be string',
    };
    await world.report(callout, { status: 'invalid', diagnostics: [place] });
    expect(await world.end(callout)).toEqual({ kind: 'invalid', summary: 'a.yaml:3:1: must be string' });
    const release = await findRelease(world.bench.store.db, callout.id);
    expect(release?.stages).toMatchObject([
      { stage: 'validate', state: 'passed' },
      { stage: 'compile', state: 'failed', diagnostics: [place] },
    ]);
  });
});

describe('an upload to a callback', () => {
  const text = (n: number) => ({
    content: Buffer.from(`blob ${n}`),
    digest: digestOf(`blob ${n}`),
    mediaType: 'text/x',
  });
  const id = (callout: CalloutId) => ({ tenant: world.bench.tenant, id: calloutKey(callout) });
  const put = (callout: CalloutId, n: number, at = world.bench.openedAt) =>
    putCallbackBlob(world.bench.store.db, id(callout), text(n), at);

  test('a blob is stored once, whichever request uploads it, and only while the callback is open', async () => {
    const callout = await world.compiling();
    const kinds = await Promise.all(Array.from({ length: 8 }, async () => (await put(callout, 1)).kind));
    expect(kinds.toSorted()).toEqual(['stored', ...Array.from({ length: 7 }, () => 'there')]);
    expect(await put(callout, 2, world.deadlineMs)).toMatchObject({ kind: 'expired' });
    await world.end(callout);
    expect(await put(callout, 3)).toMatchObject({ kind: 'revoked' });
    const { rows } = await world.bench.store.owner.query(
      `SELECT FROM pointsman.blobs WHERE tenant = $1 AND media_type = 'text/x'`,
      [world.bench.tenant],
    );
    expect(rows).toHaveLength(1);
  });

  test('an upload over the limit of the release, counted over all attempts, is refused and not stored', async () => {
    const callout = await world.compiling();
    await world.bench.store.owner.query(
      'UPDATE pointsman.callbacks SET uploaded_blobs = $2 WHERE tenant = $1',
      [world.bench.tenant, callbackLimits.releaseBlobs - 1],
    );
    await world.end(callout);
    const next = world.compile(1, 2);
    await world.open(next);
    expect(await put(next, 1)).toEqual({ kind: 'stored' });
    expect(await put(next, 2)).toEqual({ kind: 'too_much' });
    expect(await put(next, 1)).toEqual({ kind: 'there' });
    expect(
      (await evaluateCallback(world.bench.store.db, id(next), null, world.bench.openedAt)).refusal,
    ).toBeNull();
  });
});
