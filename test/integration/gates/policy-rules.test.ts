import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

import { pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';

import { requestLimits } from '../../../packages/protocol/limits.ts';
import { findPointer } from '../../../services/postgres/channels/pointers.ts';
import type { TestAnswer } from '../../support/processes/api.ts';
import { expectProblem, gatedApi, type Person } from '../../support/worlds/gated-api.ts';
import { runCli } from '../../support/runs/run-cli.ts';
import { as } from '../../support/data/tokens.ts';

// Tests how a policy applies to publishes, promotions and rollbacks, and how the command line reports it.

const at = gatedApi();

const DAY = 86_400_000;
const files = (text: string) => ({ files: { 'a.yaml': text } });
const iso = (ms: number) => new Date(ms).toISOString();

async function setPolicy(live: object): Promise<void> {
  const json = { channels: { live } };
  const answer = await at.call('root', 'PUT', 'policy', '', json);
  expect(answer.status, answer.text).toBe(200);
}

function publish(json: object, headers: Record<string, string> = {}): Promise<TestAnswer> {
  const path = `/v1/tenants/${at.tenant}/bundles/bot/releases`;
  return at.api.call('POST', path, as(at.token('ci'), { json, headers }));
}

const viewOf = async (version: unknown) => (await at.call('viewer', 'GET', Number(version))).json;

describe('the conflict rule of a policy', () => {
  const gated = { gates: [{ approval: { name: 'release' } }] };

  test('applies to each publish to its channel, and a publish that asks for another rule is refused', async () => {
    await setPolicy({ ...gated, onConflict: 'queue' });
    const first = await at.publish();
    await at.waiting(first);
    const second = await publish(files('n: second'));
    expect(second.json['status']).toBe('queued');
    expect((await publish({ ...files('n: third'), onConflict: 'queue' })).json['status']).toBe('queued');
    const refused = await publish({ ...files('n: fourth'), onConflict: 'supersede' });
    expectProblem(refused, 422, 'invalid_request');
    expect(refused.json['detail']).toContain(
      'The policy sets "onConflict" to "queue" for publishes to "live"',
    );
    const elsewhere = { onConflict: 'reject', channel: 'canary', createChannel: true };
    expect((await publish({ ...files('n: fifth'), ...elsewhere })).status).toBe(202);
  });

  test('is chosen by the publish when the policy does not set it, and defaults to "supersede"', async () => {
    await setPolicy(gated);
    const first = await at.publish();
    await at.waiting(first);
    expect((await publish({ ...files('n: second'), onConflict: 'queue' })).json['status']).toBe('queued');
    const third = await publish(files('n: third'));
    expect((await at.settled(first)).supersededBy).toBe(third.json['version']);
  });

  test('does not apply to a publish that repeats an earlier one with its idempotency key', async () => {
    const asked = { ...files('n: same'), onConflict: 'supersede' };
    const silent = { ...files('n: silent'), channel: 'live' };
    const [first, second] = [
      await publish(asked, { 'idempotency-key': 'asked' }),
      await publish(silent, { 'idempotency-key': 'silent' }),
    ];
    await setPolicy({ onConflict: 'reject' });
    const again = await publish(asked, { 'idempotency-key': 'asked' });
    expect([again.status, again.json['version']], again.text).toEqual([202, first.json['version']]);
    const silently = await publish(silent, { 'idempotency-key': 'silent' });
    expect([silently.status, silently.json['version']]).toEqual([202, second.json['version']]);
    const other = await publish({ ...silent, onConflict: 'supersede' }, { 'idempotency-key': 'silent' });
    expectProblem(other, 422, 'idempotency_key_reused');
    expectProblem(await publish(asked), 422, 'invalid_request');
  });
});

describe('a scheduled publish', () => {
  test('is compiled immediately, shows its time, and goes live after that time', async () => {
    const notBefore = Date.now() + 2_000;
    const { json } = await publish({ ...files('n: later'), notBefore: iso(notBefore) });
    expect(json).toMatchObject({ notBefore: iso(notBefore), policyVersion: 0 });
    expect((await at.settled(Number(json['version']))).outcome).toBe('published');
    const pointer = await findPointer(at.plane.db, { tenant: at.tenant, bundle: 'bot', channel: 'live' });
    expect(Date.parse(pointer?.movedAt ?? '')).toBeGreaterThanOrEqual(notBefore);
  });

  test('counts as the same request whether it is sent as JSON or as an archive, and however its time is written', async () => {
    const archive = pack();
    archive.entry({ name: 'a.yaml' }, 'n: same');
    archive.finalize();
    const time = new Date(Date.now() + DAY).toISOString().slice(0, 13);
    const key = { 'idempotency-key': 'one' };
    const first = await publish({ ...files('n: same'), notBefore: `${time}:30:00.000Z` }, key);
    const query = new URLSearchParams({ notBefore: `${time}:30:00-00:00` });
    const again = await at.api.call(
      'POST',
      `/v1/tenants/${at.tenant}/bundles/bot/releases?${query.toString()}`,
      as(at.token('ci'), {
        body: new Uint8Array(gzipSync(await buffer(archive))),
        headers: { ...key, 'content-type': 'application/gzip' },
      }),
    );
    expect([again.status, again.json['version'], again.headers.get('idempotency-replayed')]).toEqual([
      202,
      first.json['version'],
      'true',
    ]);
    const another = { ...files('n: same'), notBefore: `${time}:31:00Z` };
    expectProblem(await publish(another, key), 422, 'idempotency_key_reused');
  });

  test('for a time in the past is published immediately', async () => {
    const { json } = await publish({ ...files('n: now'), notBefore: '2020-01-01T00:00:00+01:00' });
    expect(json['notBefore']).toBe('2019-12-31T23:00:00.000Z');
    expect((await at.settled(Number(json['version']))).outcome).toBe('published');
    expect((await viewOf(json['version']))['gates']).toEqual([]);
  });

  test('is refused for an invalid time, and for a time more than 90 days ahead', async () => {
    const at91Days = iso(Date.now() + requestLimits.scheduleMs + 60_000);
    const late = await publish({ ...files('n: never'), notBefore: at91Days });
    expectProblem(late, 422, 'invalid_request');
    expect(late.json['detail']).toContain('at most 90 days ahead');
    for (const notBefore of ['2026-12-24', '2026-12-24T08:00:00', 'tomorrow', 1_798_095_600_000]) {
      const answer = await publish({ ...files('n: never'), notBefore });
      expectProblem(answer, 422, 'invalid_request');
      expect(answer.json['errors']).toMatchObject([{ in: 'body', pointer: '/notBefore' }]);
    }
  });
});

describe('a freeze in the policy', () => {
  /** The start of a full minute that is at least two seconds in the future. Freezes end at full minutes. */
  const end = () => Math.ceil((Date.now() + 2_000) / 60_000) * 60_000;
  const local = (ms: number) => iso(ms).slice(0, 16);

  test('delays a publish until the freeze ends, and then the release goes live without another request', async () => {
    const until = end();
    const freeze = [`${local(until - DAY)} - ${local(until)}`];
    await setPolicy({ gates: [{ window: { timezone: 'UTC', freeze } }] });
    const version = await at.publish();
    expect((await at.settled(version)).outcome).toBe('published');
    const pointer = await findPointer(at.plane.db, { tenant: at.tenant, bundle: 'bot', channel: 'live' });
    expect(Date.parse(pointer?.movedAt ?? '')).toBeGreaterThanOrEqual(until);
  });

  test('is not listed among what a release waits for while it is not active', async () => {
    const freeze = [`${local(Date.now() + DAY)} - ${local(Date.now() + 2 * DAY)}`];
    await setPolicy({ gates: [{ approval: { name: 'release' } }, { window: { timezone: 'UTC', freeze } }] });
    const version = await at.publish();
    await at.waiting(version, 2);
    const view = await viewOf(version);
    expect(view['waitingFor']).toMatchObject([{ kind: 'approval', name: 'release' }]);
    expect(view['gates']).toMatchObject([
      { gate: 'release', state: 'open' },
      { gate: 'window', state: 'open', statusText: 'no freeze is active (UTC)', opensAt: null },
    ]);
  });

  test('allows a rollback to a release that was live, and lets only an admin promote a release past the gates', async () => {
    const first = await at.publish();
    await at.settled(first);
    const second = await publish({ ...files('n: canary'), channel: 'canary', createChannel: true });
    await at.settled(Number(second.json['version']));
    const freeze = [`${local(Date.now() - DAY)} - ${local(Date.now() + DAY)}`];
    const gates = [{ approval: { name: 'release' } }, { window: { timezone: 'UTC', freeze } }];
    await setPolicy({ gates });

    const move = (who: Person, version: unknown) =>
      at.call(who, 'PUT', 'bundles/bot/channels/live', '', { version });
    const refused = await move('ci', second.json['version']);
    expectProblem(refused, 403, 'gated');
    expect(refused.json).toMatchObject({ gates: ['release', 'window'], policyVersion: 1 });
    expect(refused.json['detail']).toContain('Publish to the channel to pass the gates, or ask an admin');
    expect((await move('root', second.json['version'])).json).toMatchObject({ generation: 2 });
    expect((await move('ci', first)).json).toMatchObject({ version: first, generation: 3 });
    expect((await move('ci', second.json['version'])).json).toMatchObject({ generation: 4 });
  });
});

describe('the command line', () => {
  const cli = (who: Person, ...args: string[]) =>
    runCli(args, {
      env: {
        POINTSMAN_URL: at.api.url,
        POINTSMAN_TOKEN: at.token(who),
        POINTSMAN_TENANT: at.tenant,
        POINTSMAN_BUNDLE: 'bot',
      },
      firstRetryMs: 250,
    });

  test('sets a policy and prints the changes, prints it in a form that can be set again, and lists its versions', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pointsman-policy-'));
    const path = join(folder, 'policy.yaml');
    try {
      await writeFile(path, 'channels:\n  live:\n    onConflict: queue\n');
      const first = await cli('root', 'policy', 'set', path, '--message', 'in line');
      expect([first.exit, first.stdout], first.stderr).toEqual([
        0,
        expect.stringContaining(`set  the policy of ${at.tenant} is version 1\n`),
      ]);
      expect(first.stdout).toContain('+    onConflict: queue\n');
      expect((await cli('root', 'policy', 'set', path)).stdout).toBe(
        `unchanged  the policy of ${at.tenant} is version 1\n`,
      );

      const read = await cli('viewer', 'policy', 'get');
      await writeFile(path, read.stdout.replace('gates: []', 'gates: [{ approval: { name: release } }]'));
      const second = await cli('root', 'policy', 'set', path, '--if-version', '1');
      expect(second.stdout).toContain(
        '-    gates: []\n+    gates:\n+      - approval:\n+          name: release\n',
      );
      expect((await cli('root', 'policy', 'set', path, '--if-version', '1')).exit).toBe(8);
      expect((await cli('ci', 'policy', 'set', path)).exit).toBe(9);
      expect((await cli('viewer', 'policy', 'get', '1')).stdout).toBe(read.stdout);
      const history = await cli('viewer', 'policy', 'history');
      expect(history.stdout).toMatch(/^ {4}2 {2}\S+ \S+Z {2}root\n {4}1 {2}\S+ \S+Z {2}root {2}in line\n$/);

      await writeFile(
        path,
        'channels:\n  live:\n    gates:\n      - approval: { name: release, count: 99 }\n',
      );
      const wrong = await cli('root', 'policy', 'set', path);
      expect(wrong.exit).toBe(3);
      expect(wrong.stderr).toContain(`${path}:4:43: error[policy]: /channels/live/gates/0/approval/count: `);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('schedules a publish, and prints why a promotion is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pointsman-source-'));
    try {
      await writeFile(join(folder, 'a.yaml'), 'n: 1\n');
      const before = Date.now();
      const later = await cli('ci', 'publish', folder, '--not-before', '2h', '--no-wait', '--json');
      expect(later.exit).toBe(10);
      const release = JSON.parse(later.stdout) as { version: number; notBefore: string };
      expect(Date.parse(release.notBefore)).toBeGreaterThanOrEqual(before + 7_200_000);
      const soon = iso(Date.now() + 1_000);
      const canary = ['publish', folder, '--channel', 'canary', '--create-channel', '--not-before', soon];
      expect((await cli('ci', ...canary)).exit).toBe(0);
      await setPolicy({ gates: [{ approval: { name: 'release' } }] });
      const refused = await cli('ci', 'promote', '2', '--channel', 'live');
      expect(refused.exit).toBe(9);
      expect(refused.stderr).toContain('"live" has gates (release) and v2 has never been live there');
      expect((await cli('root', 'promote', '2', '--channel', 'live')).exit).toBe(0);
      await cli('ci', 'cancel', '1');
      expect((await at.settled(1)).outcome).toBe('cancelled');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
