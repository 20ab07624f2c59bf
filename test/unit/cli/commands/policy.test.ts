import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { runCli } from '../../../support/runs/run-cli.ts';
import { json, problem, type Respond, scriptedApi, type ScriptedApi } from '../scripted-api.ts';

const GET = 'GET /v1/tenants/acme/policy';
const PUT = 'PUT /v1/tenants/acme/policy';
const NONE = { channels: {}, compile: { executor: 'local' } };
const QUEUE = { channels: { live: { onConflict: 'queue', gates: [] } }, compile: { executor: 'local' } };

let folder: string;
let api: ScriptedApi | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-policy-'));
});
afterEach(async () => {
  await api?.close();
  api = null;
  await rm(folder, { recursive: true });
});

const standing = (version: number, policy: object): Respond => json(policy, 200, { etag: `"${version}"` });

async function run(args: readonly string[], script: Parameters<typeof scriptedApi>[0] = {}) {
  api = await scriptedApi(script);
  const env = { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't', POINTSMAN_TENANT: 'acme' };
  return runCli(['policy', ...args], { env });
}

async function file(text: string, name = 'policy.yaml'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('"pointsman policy get"', () => {
  test('prints the policy in the form that "policy set" accepts, with its version', async () => {
    const { exit, stdout } = await run(['get'], { [GET]: standing(3, QUEUE) });
    expect(exit).toBe(0);
    expect(stdout).toBe(
      '# acme, version 3\nchannels:\n  live:\n    onConflict: queue\n    gates: []\ncompile:\n  executor: local\n',
    );
  });

  test('prints an earlier version on request, and prints one JSON document with --json', async () => {
    const { stdout } = await run(['get', 'v2', '--json'], { [GET]: standing(2, NONE) });
    expect(JSON.parse(stdout)).toEqual({ version: 2, policy: NONE });
    expect(api?.seen[0]?.query.get('version')).toBe('2');
  });
});

describe('"pointsman policy set"', () => {
  test('sends the whole policy file with the version that it replaces, and prints the changes', async () => {
    const path = await file('channels:\n  live: { onConflict: queue }\n');
    const script = { [GET]: standing(2, NONE), [PUT]: standing(3, QUEUE) };
    const { exit, stdout } = await run(['set', path, '--message', 'in line'], script);
    expect(exit).toBe(0);
    expect(stdout).toContain('set  the policy of acme is version 3\n');
    expect(stdout).toContain('-channels: {}\n+channels:\n+  live:\n+    onConflict: queue\n');
    const put = api?.seen.at(-1);
    expect(JSON.parse(String(put?.body))).toEqual({ channels: { live: { onConflict: 'queue' } } });
    expect(put?.query.get('message')).toBe('in line');
    expect(put?.headers).toMatchObject({
      'if-match': '"2"',
      'idempotency-key': expect.any(String) as string,
    });
  });

  test('accepts JSON, and sends the version that --if-version names', async () => {
    const path = await file(JSON.stringify(QUEUE), 'policy.json');
    const result = await run(['set', path, '--if-version', '1', '--json'], {
      [GET]: standing(2, QUEUE),
      [PUT]: problem(412, 'policy_changed', 'The policy is at version 2.', { policyVersion: 2 }),
    });
    expect(result.exit).toBe(8);
    expect(result.stderr).toContain('The policy is at version 2.');
    expect(result.stderr).toContain('policy get');
    expect(api?.seen.at(-1)?.headers['if-match']).toBe('"1"');
  });

  test('states that nothing has changed when the policy is the same', async () => {
    const path = await file('channels: { live: { onConflict: queue } }\n');
    const script = { [GET]: standing(2, QUEUE), [PUT]: standing(2, QUEUE) };
    expect((await run(['set', path], script)).stdout).toBe('unchanged  the policy of acme is version 2\n');
    await api?.close();
    expect(JSON.parse((await run(['set', path, '--json'], script)).stdout)).toEqual({
      version: 2,
      policy: QUEUE,
      changed: false,
    });
  });

  test('prints each error of the API with its line in the policy file', async () => {
    const path = await file('channels:\n  live:\n    gates:\n      - approval:\n          count: 99\n');
    const errors = [
      { in: 'body', pointer: '/channels/live/gates/0/approval/name', message: 'this is missing' },
      { in: 'body', pointer: '/channels/live/gates/0/approval/count', message: 'Too big' },
    ];
    const script = { [GET]: standing(0, NONE), [PUT]: problem(422, 'invalid_request', 'no', { errors }) };
    const { exit, stdout, stderr } = await run(['set', path, '--json'], script);
    expect(exit).toBe(3);
    expect(stderr).toContain(`${path}:5:18: error[policy]: /channels/live/gates/0/approval/count: Too big\n`);
    expect(stderr).toContain('5 |           count: 99\n');
    expect(stderr).toContain(
      `${path}:5:11: error[policy]: /channels/live/gates/0/approval/name: this is missing`,
    );
    expect(stderr).toContain('has 2 problems');
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'invalid_request', errors, exit: 3 } });
  });

  test.each([
    ['policy.yaml', 'channels:\n  live: [\n', ':3:1: error'],
    ['policy.yaml', 'compile: 1\ncompile: 2\n', ':2:1: error[duplicate_key]'],
    ['policy.json', '{"channels": {},}\n', ':1:1: error[json_syntax]'],
  ])('sends nothing when %s contains a syntax error or a duplicate key', async (name, text, place) => {
    const path = await file(text, name);
    const { exit, stderr } = await run(['set', path]);
    expect(exit).toBe(3);
    expect(stderr).toContain(`${path}${place}`);
    expect(api?.seen).toEqual([]);
  });

  test('sends nothing when the policy file is missing', async () => {
    const { exit, stderr } = await run(['set', join(folder, 'nothing.yaml')]);
    expect([exit, stderr]).toEqual([2, expect.stringContaining("nothing.yaml can't be read")]);
    expect(api?.seen).toEqual([]);
  });

  test('exits with 9 when the token has no permission', async () => {
    const path = await file('{}\n');
    const script = { [GET]: standing(0, NONE), [PUT]: problem(403, 'forbidden', 'no role') };
    expect((await run(['set', path], script)).exit).toBe(9);
  });
});

describe('"pointsman policy history"', () => {
  const version = (n: number, message: string | null) => ({
    version: n,
    message,
    by: 'ann',
    at: '2026-01-02T03:04:05.678Z',
  });

  test('lists the author, time and message of each version, newest first', async () => {
    const { stdout } = await run(['history', '--limit', '2'], {
      'GET /v1/tenants/acme/policy/versions': json({
        items: [version(2, 'four eyes\u001b[31m'), version(1, null)],
        next: 'more',
      }),
    });
    expect(stdout).toBe(
      '    2  2026-01-02 03:04:05Z  ann  four eyes\\u001b[31m\n    1  2026-01-02 03:04:05Z  ann\n',
    );
  });

  test('states that the tenant does not have a policy', async () => {
    const result = await run(['history'], {
      'GET /v1/tenants/acme/policy/versions': json({ items: [], next: null }),
    });
    expect(result).toMatchObject({ exit: 0, stdout: '', stderr: 'acme does not have a policy yet.\n' });
  });
});
