import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

import { eventually } from '../../support/runs/eventually.ts';
import { gatedApi, type Person } from '../../support/worlds/gated-api.ts';
import { runCli, type CliResult, type RunCliOptions } from '../../support/runs/run-cli.ts';

// This file is not part of the replay run, because it tests the command line. approvals.test.ts runs the same
// handlers with Restate replaying.
//
// Tests decisions on gates from the command line, through the real API, until the release settles.

const at = gatedApi();

const EXAMPLE = fileURLToPath(new URL('../../../examples/support-bot', import.meta.url));
const RELEASE = { approval: { name: 'release' } };

function cli(who: Person, args: readonly string[], options: RunCliOptions = {}): Promise<CliResult> {
  const env = {
    POINTSMAN_URL: at.api.url,
    POINTSMAN_TOKEN: at.token(who),
    POINTSMAN_TENANT: at.tenant,
    POINTSMAN_BUNDLE: 'bot',
  };
  return runCli(args, { env, firstRetryMs: 250, ...options });
}

/** Waits until the release waits for `count` gates, and returns it as `pointsman pending` lists it. */
const pending = (count: number) =>
  eventually(
    async () => {
      const { stdout } = await cli('viewer', ['pending', '--json']);
      const { items } = JSON.parse(stdout) as { items: { digest: string; waitingFor: unknown[] }[] };
      return items.find(({ waitingFor }) => waitingFor.length === count) ?? null;
    },
    { what: `a release waits for ${count} gates` },
  );

describe('"pointsman publish" for a release that waits at its gates', () => {
  test('exits with 0 once an approver has approved the change that was shown and the check has passed', async () => {
    await at.settled(await at.publish());
    await at.policy(RELEASE, { check: { name: 'e2e' } });
    const published = cli('ci', ['publish', EXAMPLE, '--message', 'a real bot']);
    const { digest } = await pending(2);
    const listed = await cli('viewer', ['pending']);
    expect(listed.stdout).toMatch(
      new RegExp(
        `^${at.tenant}:bot:v2  live  release  waits for 1 of 1 approval by a token with the role approver +until .+Z\n` +
          `${at.tenant}:bot:v2  live  e2e      waits for the check "e2e" to be reported +until .+Z\n$`,
      ),
    );
    const approved = await cli('alice', ['approve', `${at.tenant}:bot:v2`], { answers: ['y'] });
    expect(approved.stdout).toContain(`${at.tenant}:bot:v2 to live by ci: a real bot\n`);
    expect(approved.stdout).toMatch(
      /is live +v1 +sha256:\w{12} +at generation 1\n +0 files changed, \d+ added, 1 removed/,
    );
    expect(approved).toMatchObject({ exit: 0, asked: [`Approve ${at.tenant}:bot:v2? [y/N] `] });
    const report = ['check', 'report', 'e2e', 'v2', '--success', '--digest', digest];
    expect(await cli('ci', report)).toMatchObject({
      exit: 9,
      stderr: expect.stringContaining('pointsman tokens create <name> --role reporter'),
    });
    expect(await cli('e2e', report)).toMatchObject({ exit: 0 });
    const { exit, stdout } = await published;
    expect(exit, stdout).toBe(0);
    expect(stdout).toMatch(/ {2}✓ release by alice\n(?:.*\n)* {2}✓ e2e by e2e\n {2}✓ gate /);
    expect((await cli('viewer', ['pending'])).stderr).toBe('No release is waiting.\n');
  });

  test('exits with 3 (rejected), and prints the reason of the approver', async () => {
    await at.policy(RELEASE);
    const published = cli('ci', ['publish', EXAMPLE]);
    await pending(1);
    const rejected = await cli('alice', ['reject', '1'], { answers: ['not on a Friday'] });
    expect(rejected).toMatchObject({ exit: 0 });
    const { exit, stdout } = await published;
    expect(exit).toBe(3);
    expect(stdout).toContain('rejected by alice at the gate "release": not on a Friday');
    expect((await cli('viewer', ['status', '--release', '1'])).stdout).toContain(
      '✗ release rejected by alice',
    );
  });

  test('exits with 10 at its timeout, while the release continues and can still be approved', async () => {
    await at.policy(RELEASE);
    const { exit, stderr } = await cli('ci', ['publish', EXAMPLE, '--timeout', '10s']);
    expect([exit, stderr]).toEqual([10, expect.stringContaining('is still in flight after 10.0 s')]);
    await pending(1);
    expect((await cli('viewer', ['status', 'bot'])).stdout).toMatch(
      /v1 {2}live {2}waiting: gate {2}release until .+Z\n/,
    );
    expect((await cli('alice', ['approve', '1', '--yes'])).exit).toBe(0);
    expect((await cli('viewer', ['watch', '1'])).exit).toBe(0);
  });
});

describe('a command whose decision the API refuses', () => {
  test('exits with a code and a message for the cause of the refusal', async () => {
    await at.policy(
      { approval: { name: 'release', count: 2, notAuthor: true } },
      { approval: { name: 'legal' } },
    );
    const version = String(await at.publish('bob'));
    await pending(2);
    const approve = (who: Person, ...more: string[]) => cli(who, ['approve', version, '--yes', ...more]);
    expect(await approve('alice')).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('--gate: release, legal'),
    });
    expect(await approve('bob', '--gate', 'release')).toMatchObject({
      exit: 9,
      stderr: expect.stringContaining('must be decided by someone other than the author'),
    });
    expect((await approve('ci', '--gate', 'release')).exit).toBe(9);
    expect((await approve('alice', '--gate', 'release')).stdout).toContain('at "release": 1 of 2\n');
    expect(await approve('alice', '--gate', 'release')).toMatchObject({
      exit: 8,
      stderr: expect.stringContaining('You decided "approve"'),
    });
    expect(await approve('alice', '--gate', 'nope')).toMatchObject({
      exit: 12,
      stderr: expect.stringContaining('it has approval "release", approval "legal"'),
    });
    const other = ['--digest', `sha256:${'0'.repeat(64)}`, '--gate', 'legal'];
    expect((await cli('alice', ['approve', version, ...other])).exit).toBe(8);
    expect((await cli('alice', ['approve', '99', '--yes'])).exit).toBe(12);
    const reported = await cli('ci', ['check', 'report', 'e2e', version, '--success']);
    expect(reported).toMatchObject({ exit: 12, stderr: expect.stringContaining('no check "e2e"') });
    expect((await cli('root', ['cancel', version])).exit).toBe(0);
    await at.settled(Number(version));
    expect((await approve('alice', '--gate', 'legal')).exit).toBe(8);
  });

  test('asks for a new review when the pointer has moved since the approver saw the change', async () => {
    await at.settled(await at.publish());
    await at.settled(await at.publish());
    await at.policy(RELEASE);
    const version = await at.publish();
    const digest = await at.waiting(version);
    await cli('ci', ['promote', '1', '--channel', 'live']);
    const named = ['approve', String(version), '--digest', digest, '--if-generation', '2'];
    expect(await cli('alice', named)).toMatchObject({
      exit: 8,
      stderr: expect.stringContaining('Review the comparison again'),
    });
    expect((await cli('alice', ['approve', String(version), '--yes'])).exit).toBe(0);
    expect((await at.settled(version)).outcome).toBe('published');
  });
});
