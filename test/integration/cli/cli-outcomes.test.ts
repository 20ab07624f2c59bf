import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { RestateAdmin } from '../../../services/restate/admin.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { runCli, type CliResult } from '../../support/runs/run-cli.ts';
import { startTestStack, type TestStack } from '../../support/processes/stack.ts';

// This file is not part of the replay run, because it tests the command line. release.test.ts runs the same handlers
// with Restate replaying.

const EXAMPLE = fileURLToPath(new URL('../../../examples/support-bot', import.meta.url));
const OTHER = fileURLToPath(new URL('../../../examples/ci', import.meta.url));

let stack: TestStack;
let env: Record<string, string>;
let bundles = 0;

beforeAll(async () => {
  stack = await startTestStack();
  env = { POINTSMAN_HOME: stack.home, POINTSMAN_TENANT: 'acme' };
  await cli('tenants', 'create', 'acme');
});

beforeEach(() => {
  bundles++;
  env['POINTSMAN_BUNDLE'] = `bot-${bundles}`;
});

afterAll(() => stack.stop());

async function cli(...args: string[]): Promise<CliResult> {
  return runCli(args, { env: { ...env }, firstRetryMs: 250 });
}

/** Runs a command with retries that last long enough for the API to restart on a slow machine. */
async function patientCli(...args: string[]): Promise<CliResult> {
  return runCli(args, { env: { ...env }, firstRetryMs: 4_000 });
}

/** Runs `work` while a lock on a table keeps every release from completing its first step. */
async function whileReleasesWait<T>(work: () => Promise<T>): Promise<T> {
  const owner = new pg.Client({ connectionString: stack.ownerUrl });
  await owner.connect();
  try {
    await owner.query('BEGIN');
    await owner.query('LOCK TABLE pointsman.artifacts IN SHARE MODE');
    return await work();
  } finally {
    await owner.end();
  }
}

/** Waits until the release has been admitted. Returns the ID of its invocation. */
async function running(version: number): Promise<string> {
  const admin = new RestateAdmin(stack.restate.adminUrl);
  const { id } = await eventually(
    async () => {
      const [row] = await admin.query(
        `SELECT id FROM sys_invocation WHERE target_service_key = 'acme/bot-${bundles}/v${version}' AND status <> 'completed'`,
      );
      return row;
    },
    { what: `v${version} is running` },
  );
  return String(id);
}

describe('"pointsman publish" exits with the code of the outcome', () => {
  test('when the release is superseded by a newer one, which is published', async () => {
    const { first, second } = await whileReleasesWait(async () => {
      const older = cli('publish', EXAMPLE);
      await running(1);
      const newer = cli('publish', EXAMPLE);
      await running(2);
      return { first: older, second: newer };
    });
    expect(await first).toMatchObject({ exit: 5 });
    expect(await second).toMatchObject({ exit: 0 });
  });

  test('when "pointsman cancel" cancels the release', async () => {
    const { ended } = await whileReleasesWait(async () => {
      const publish = cli('publish', EXAMPLE);
      await running(1);
      expect((await cli('cancel', '1', '--reason', 'wrong file')).exit).toBe(0);
      return { ended: publish };
    });
    const { exit, stdout } = await ended;
    expect(exit).toBe(6);
    expect(stdout).toContain('wrong file');
  });

  test('when a hold during the release rejects it', async () => {
    await cli('publish', OTHER);
    const { ended } = await whileReleasesWait(async () => {
      const publish = cli('publish', EXAMPLE);
      await running(2);
      expect((await cli('hold', '--reason', 'freeze')).exit).toBe(0);
      return { ended: publish };
    });
    const { exit, stdout } = await ended;
    expect(exit).toBe(3);
    expect(stdout).toContain('freeze');
  });

  test('when an operator kills the release, which ends as errored', async () => {
    const { ended } = await whileReleasesWait(async () => {
      const publish = cli('publish', EXAMPLE);
      await new RestateAdmin(stack.restate.adminUrl).killInvocation(await running(1));
      return { ended: publish };
    });
    expect((await ended).exit).toBe(4);
  });

  test('when its timeout passes with the release still in flight, and "pointsman watch" then reports the outcome', async () => {
    const { ended } = await whileReleasesWait(async () => {
      const { exit, stderr } = await cli('publish', EXAMPLE, '--timeout', '1s');
      expect({ exit, stderr }).toMatchObject({
        exit: 10,
        stderr: expect.stringContaining('still in flight'),
      });
      expect((await cli('publish', EXAMPLE, '--on-conflict', 'reject')).exit).toBe(8);
      return { ended: cli('watch', '1') };
    });
    expect((await ended).exit).toBe(0);
  });

  test('when the release is published although the API restarted during the wait', async () => {
    const { ended } = await whileReleasesWait(async () => {
      const publish = patientCli('publish', EXAMPLE);
      await running(1);
      await stack.processes.api.restart();
      return { ended: publish };
    });
    const { exit, stdout } = await ended;
    expect(exit).toBe(0);
    expect(stdout.match(/✓ validate/g)).toHaveLength(1);
  });
});

test('a command exits with 11 when the stack is stopped, and explains how to start the stack', async () => {
  await stack.processes.api.stop();
  try {
    const { exit, stderr } = await cli('releases');
    expect(exit).toBe(11);
    expect(stderr).toContain('npm start');
    expect((await cli('doctor')).exit).toBe(11);
  } finally {
    await stack.processes.api.restart();
  }
});
