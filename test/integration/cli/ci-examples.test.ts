import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import { findRelease, listReleases } from '../../../services/postgres/releases/releases.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { type ControlPlane, newTenant, startControlPlane } from '../../support/worlds/control-plane.ts';
import { commitOf } from '../../support/data/hooks.ts';
import { standstill } from '../../support/servers/standstill.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { withPolicy } from '../../support/data/gates.ts';
import { madeToken } from '../../support/data/tokens.ts';
import { compileCache } from '../../support/runs/compile-cache.ts';

// This file is not part of the replay run, because it tests the files in examples/ci. api-publish.test.ts runs the
// same handlers with Restate replaying.

const root = join(import.meta.dirname, '..', '..', '..');
const example = async (name: string): Promise<unknown> =>
  parse(await readFile(join(root, 'examples/ci', name), 'utf8'));

const GithubFile = z.object({
  jobs: z.object({
    publish: z.object({
      env: z.record(z.string(), z.string()),
      steps: z.array(
        z.object({
          name: z.string().optional(),
          run: z.string().optional(),
          env: z.record(z.string(), z.string()).optional(),
        }),
      ),
    }),
  }),
});
const GitlabFile = z.object({
  publish: z.object({
    variables: z.record(z.string(), z.string()),
    script: z.array(z.string()).length(1),
    allow_failure: z.object({ exit_codes: z.array(z.number()) }),
  }),
});

let plane: ControlPlane;
let api: TestApi;
let folder: string;
let tenant: string;
const tokens = new Map<string, string>();

beforeAll(async () => {
  plane = await startControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
  folder = await mkdtemp(join(tmpdir(), 'pointsman-ci-'));
  // npm also adds the command to the PATH of a CI job.
  await mkdir(join(folder, 'bin'));
  await symlink(join(root, 'packages/cli/pointsman.js'), join(folder, 'bin/pointsman'));
  await mkdir(join(folder, 'checkout/config'), { recursive: true });
  await put('{"a":1}');
});
afterEach(() => rm(folder, { recursive: true, force: true }));
afterAll(async () => {
  await api.stop();
  await plane.stop();
});

const put = (content: string) => writeFile(join(folder, 'checkout/config/a.json'), content);

interface Job {
  readonly script: string;
  /** Variables of the job, in addition to those that the example sets. */
  readonly env: Readonly<Record<string, string>>;
}

/** Returns the token of the tenant's pipeline for that role. Creates it on the first call. */
async function roleToken(role: 'publisher' | 'reporter'): Promise<string> {
  const known = tokens.get(`${tenant} ${role}`);
  if (known !== undefined) return known;
  const { token } = await madeToken(api, { name: `ci-${role}`, tenant, roles: [role] });
  tokens.set(`${tenant} ${role}`, token);
  return token;
}

/** Runs the job as a CI runner does: in the checkout, with bash, until the first failure. */
async function run({ script, env }: Job): Promise<{ exit: number | null; output: string }> {
  const child = spawn('bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', '-c', script], {
    cwd: join(folder, 'checkout'),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...compileCache,
      ...env,
      PATH: [join(folder, 'bin'), dirname(process.execPath), process.env['PATH']].join(':'),
      POINTSMAN_URL: api.url,
      POINTSMAN_TOKEN: await roleToken('publisher'),
      POINTSMAN_REPORTER_TOKEN: await roleToken('reporter'),
      POINTSMAN_TENANT: tenant,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, output };
}

const expression = (name: string) => `\${{ ${name} }}`;

async function githubJob(commit: string, message: string): Promise<Job> {
  const { env, steps } = GithubFile.parse(await example('github-actions.yml')).jobs.publish;
  const publish = steps.find(({ name }) => name === 'Publish');
  const values: Record<string, string> = {
    [expression('vars.POINTSMAN_URL')]: api.url,
    [expression('secrets.POINTSMAN_TOKEN')]: 'a token',
    [expression('github.event.head_commit.message')]: message,
  };
  const own = Object.entries({ ...env, ...publish?.env }).map(([name, value]): [string, string] => [
    name,
    values[value] ?? value,
  ]);
  expect(own.filter(([, value]) => value.includes('${{'))).toEqual([]);
  const runner = { GITHUB_REPOSITORY: 'acme/bot', GITHUB_SHA: commit };
  return { script: publish?.run ?? '', env: { ...Object.fromEntries(own), ...runner } };
}

async function gitlabJob(commit: string, message: string): Promise<Job> {
  const { variables, script } = GitlabFile.parse(await example('.gitlab-ci.yml')).publish;
  const runner = { CI_PROJECT_PATH: 'acme/bot', CI_COMMIT_SHA: commit, CI_COMMIT_TITLE: message };
  return { script: script[0] ?? '', env: { ...variables, ...runner } };
}

const release = (version: number) => findRelease(plane.db, { tenant, bundle: 'support-bot', version });

describe.each([
  ['github-actions.yml', githubJob],
  ['.gitlab-ci.yml', gitlabJob],
] as const)('the publishing step of %s, run as it is written', (name, job) => {
  const isGithub = name === 'github-actions.yml';

  test('publishes the folder, waits until it is live, and exits with 0', async () => {
    const { exit, output } = await run(await job(commitOf('one'), 'A kinder greeting'));
    expect([exit, output]).toEqual([0, expect.stringContaining('published')]);
    expect(await release(1)).toMatchObject({ outcome: 'published', message: 'A kinder greeting' });
  });

  test('does not publish again when it runs again for the same commit, and exits with 0', async () => {
    await run(await job(commitOf('one'), 'x'));
    expect((await run(await job(commitOf('one'), 'x'))).exit).toBe(0);
    expect(await listReleases(plane.db, tenant, 'support-bot', { limit: 10 })).toHaveLength(1);
  });

  test('does not interpret shell syntax in a commit message', async () => {
    const message = `"; touch hacked; $(touch hacked) \`touch hacked\` '`;
    await run(await job(commitOf('one'), message));
    expect((await release(1))?.message).toBe(message);
    await expect(readFile(join(folder, 'checkout/hacked'))).rejects.toThrow('ENOENT');
  });

  test('exits with 3 (rejected) for a source with a mistake, and its output names the file', async () => {
    await put('{"a":');
    const { exit, output } = await run(await job(commitOf('one'), 'x'));
    expect([exit, output]).toEqual([3, expect.stringContaining('a.json')]);
    if (isGithub) expect(output).toContain('::error::Rejected');
  });

  test('does not fail for a commit that a newer commit has superseded', async () => {
    const [older, newer] = await standstill(plane).whileStagesLocked(async () => {
      const first = run(await job(commitOf('one'), 'older'));
      await eventually(async () => (await release(1)) !== null, { what: 'the first is on its way' });
      await put('{"a":2}');
      const second = run(await job(commitOf('two'), 'newer'));
      await eventually(async () => (await release(2)) !== null, { what: 'the second is on its way' });
      return [first, second];
    });
    expect((await newer).exit).toBe(0);
    const { exit, output } = await older;
    const { allow_failure: allowed } = GitlabFile.parse(await example('.gitlab-ci.yml')).publish;
    if (isGithub) expect([exit, output]).toEqual([0, expect.stringContaining('::notice::Superseded')]);
    else expect(allowed.exit_codes).toContain(exit);
  });
});

describe('the pipeline of docs/guides/ci.md that reports its own check, run as it is written', () => {
  const lines = async (): Promise<string> => {
    const page = await readFile(join(root, 'docs/guides/ci.md'), 'utf8');
    return /```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  };
  const gated = async (exit: number): Promise<Job> => {
    await withPolicy(plane, tenant, [{ check: { name: 'e2e' } }]);
    // These fake end-to-end tests end when the release waits for their result.
    const tests = join(folder, 'checkout/end-to-end');
    const look = `until pointsman pending | grep -q e2e; do :; done; exit ${exit}`;
    await writeFile(tests, `#!/bin/sh\n${look}\n`, { mode: 0o755 });
    const env = { POINTSMAN_BUNDLE: 'support-bot', CI_COMMIT_SHA: commitOf('gated') };
    return { script: await lines(), env };
  };

  test('reports its check as successful, and exits with 0 once the release is live', async () => {
    const job = await gated(0);
    const { exit, output } = await run(job);
    expect([exit, output]).toEqual([0, expect.stringContaining('published')]);
    expect(await release(1)).toMatchObject({ outcome: 'published' });
    // A second run of the same job finds the existing release and reports the same result again.
    expect((await run({ ...job, script: job.script.replace('./end-to-end', 'true') })).exit).toBe(0);
    expect(await release(2)).toBeNull();
  });

  test('exits with 9 when it reports the check with the token that published the release, and the release continues to wait', async () => {
    const job = await gated(0);
    const script = job.script.replace('POINTSMAN_TOKEN=$POINTSMAN_REPORTER_TOKEN ', '');
    const { exit, output } = await run({ ...job, script });
    expect([exit, output]).toEqual([9, expect.stringContaining('so you cannot report its check')]);
    expect(await release(1)).toMatchObject({ status: 'waiting', gates: [{ gate: 'e2e', state: 'open' }] });
  });

  test('reports its check as failed, and exits with 3 (rejected)', async () => {
    expect((await run(await gated(1))).exit).toBe(3);
    expect(await release(1)).toMatchObject({ outcome: 'rejected' });
  });
});
