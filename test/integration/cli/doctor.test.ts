import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { startApi } from '../../support/processes/api.ts';
import { appRoleOf } from '../../support/servers/app-role.ts';
import { accepted, type ControlPlane, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { type DoctoredWorld, startDoctoredWorld } from '../../support/worlds/doctored-world.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { runCli } from '../../support/runs/run-cli.ts';
import {
  type Endpoint,
  addWebhook,
  MAY_CALL_ENDPOINTS,
  startEndpoint,
} from '../../support/worlds/sink-world.ts';
import { type Standstill, standstill } from '../../support/servers/standstill.ts';

// This file is not part of the replay run, because it tests the command line. sinks.test.ts and release.test.ts run
// the same handlers with Restate replaying.

const execute = promisify(execFile);
const RESTATE = fileURLToPath(new URL('../../../node_modules/.bin/restate', import.meta.url));

/**
 * Whether this process is allowed to mount a small disk. On machines where it is not, doctor-findings.test.ts still
 * tests each disk rule with simulated values.
 */
async function canMount(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-mount-'));
  try {
    await execute('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    await execute('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const mountable = await canMount();

describe('"pointsman doctor"', () => {
  let world: DoctoredWorld;
  let plane: ControlPlane;
  let still: Standstill;
  let endpoint: Endpoint;
  let tenant: string;

  beforeAll(async () => {
    endpoint = await startEndpoint();
    world = await startDoctoredWorld(MAY_CALL_ENDPOINTS);
    ({ plane } = world);
    still = standstill(plane);
  });
  beforeEach(async () => {
    tenant = await newTenant(plane);
    endpoint.answers(200);
  });
  afterAll(async () => {
    await world.stop();
    await endpoint.server.close();
  });

  test('finds no problem in a healthy stack', async () => {
    await settled(plane, tenant, await accepted(plane, tenant));
    const { exit, problems, findings } = await world.doctor();
    expect({ exit, problems }).toEqual({ exit: 0, problems: [] });
    const checked = findings.filter(({ state }) => state === 'ok').map(({ subject }) => subject);
    expect(checked).toEqual(
      expect.arrayContaining([
        'API',
        'token',
        'worker',
        'PostgreSQL',
        'Restate',
        'sinks',
        'hooks',
        'releases',
      ]),
    );
  });

  test('leaves no invocation in Restate after any number of runs', async () => {
    for (let nth = 0; nth < 3; nth++) await world.doctor();
    const traces = () =>
      plane.admin.query("SELECT id FROM sys_invocation WHERE target_service_name = 'Worker'");
    await eventually(async () => (await traces()).length === 0, {
      what: 'no invocation of the doctor is left',
    });
  });

  test('reports a webhook that answered 410 as an error, with the cause and the command that resumes it', async () => {
    await addWebhook(plane, tenant, endpoint);
    endpoint.answers(410);
    await settled(plane, tenant, await accepted(plane, tenant));
    const { exit } = await world.diagnosed({
      subject: `sink ${tenant}/audit`,
      state: 'error',
      summary: expect.stringMatching(/^paused by pointsman\/sink .*410/),
      actions: [expect.stringContaining(`npx pointsman sinks resume audit --tenant ${tenant}`)],
    });
    expect(exit).toBe(1);
    endpoint.answers(200);
    const of = { POINTSMAN_URL: world.api.url, POINTSMAN_TOKEN: world.api.adminToken };
    expect(await runCli(['sinks', 'resume', 'audit', '--tenant', tenant], { env: of })).toMatchObject({
      exit: 0,
    });
    await world.isWell();
  });

  test('reports a failing webhook as a warning, and as an error once it has failed for a minute', async () => {
    await addWebhook(plane, tenant, endpoint);
    endpoint.answers(503);
    await settled(plane, tenant, await accepted(plane, tenant));
    const failing = { subject: `sink ${tenant}/audit`, summary: expect.stringContaining('503') };
    await world.diagnosed({ ...failing, state: 'warning' });
    await still.sql((client) =>
      client.query(
        "UPDATE pointsman.sinks SET failing_since = failing_since - interval '1 minute' WHERE tenant = $1",
        [tenant],
      ),
    );
    const actions = [expect.stringContaining(`sinks attempts audit --tenant ${tenant}`)];
    const { exit } = await world.diagnosed({ ...failing, state: 'error', actions });
    expect(exit).toBe(1);
    endpoint.answers(200);
    await world.isWell();
  });

  test('reports a compensation that waits for an operator, with the command that resumes it', async () => {
    await settled(plane, tenant, await accepted(plane, tenant));
    const app = appRoleOf(plane.postgres.appUrl);
    let command = '';
    await still.sql((client) => client.query(`REVOKE DELETE ON pointsman.artifact_claims FROM ${app}`));
    try {
      await still.holdAfter(tenant, async () => {
        const version = await accepted(plane, tenant, { files: { 'b.json': '{}' } });
        await eventually(
          async () => (await findRelease(plane.db, { tenant, bundle: 'bundle', version }))?.digest,
          { what: 'an artifact that is claimed' },
        );
      });
      const { exit, problems } = await world.diagnosed({
        subject: `Compensation/${tenant}/bundle/v2/undo`,
        state: 'error',
        summary: expect.stringContaining('paused: '),
      });
      expect(exit).toBe(1);
      command = problems.find(({ subject }) => subject.startsWith('Compensation/'))?.actions[0] ?? '';
    } finally {
      await still.sql((client) => client.query(`GRANT DELETE ON pointsman.artifact_claims TO ${app}`));
    }
    const [, setting = '', id = ''] =
      /: (RESTATE_ADMIN_URL=\S+) npx restate invocations resume (inv_\w+)$/.exec(command) ?? [];
    const env = { ...process.env, RESTATE_ADMIN_URL: setting.slice(setting.indexOf('=') + 1) };
    await execute(RESTATE, ['invocations', 'resume', id, '--yes'], { env });
    await world.isWell();
  });

  test('reports a missing worker, and an invocation that Restate retries while no worker runs', async () => {
    await plane.worker.down();
    const publishing = accepted(plane, tenant);
    try {
      const { exit, problems } = await world.diagnosed({
        subject: `Tenant/${tenant}/publish`,
        summary: expect.stringMatching(/^failing, \d+ retries so far: /),
      });
      expect(exit).toBe(1);
      expect(problems[0]).toMatchObject({ state: 'error' });
      expect(problems).toContainEqual(expect.objectContaining({ subject: 'worker', state: 'error' }));
    } finally {
      await plane.worker.start();
    }
    await settled(plane, tenant, await publishing);
    await world.isWell();
  });

  test('reports a PostgreSQL that refuses writes', async () => {
    const readOnly = (value: 'on' | 'off') =>
      still.sql(async (client) => {
        await client.query('SET default_transaction_read_only = off');
        await client.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
        await client.query('SELECT pg_reload_conf()');
      });
    await readOnly('on');
    try {
      const { exit, problems } = await world.diagnosed({ subject: 'PostgreSQL', state: 'error' });
      expect(exit).toBe(1);
      expect(problems.map(({ summary }) => summary).join('\n')).toMatch(/accepts no writes/);
    } finally {
      await readOnly('off');
    }
    await world.isWell();
  });

  test.runIf(mountable)(
    'reports a full disk of the data directory, and does not report a disk with free space',
    async () => {
      const home = await mkdtemp(join(tmpdir(), 'pointsman-home-'));
      await execute('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', home]);
      const { appUrl } = plane.postgres;
      const { ingressUrl, adminUrl } = plane.restate;
      const api = await startApi({ appUrl, ingressUrl, adminUrl, dataDir: home });
      try {
        expect((await world.doctor({ POINTSMAN_URL: api.url })).problems).toEqual([]);
        // Fills the disk until a write fails.
        await expect(writeFile(join(home, 'filler'), Buffer.alloc(8_000_000))).rejects.toThrow('ENOSPC');
        const { exit, problems } = await world.doctor({ POINTSMAN_URL: api.url });
        expect(exit).toBe(1);
        expect(problems).toMatchObject([
          {
            subject: `disk of ${home}`,
            state: 'error',
            summary: expect.stringContaining('full: writes fail'),
            actions: [expect.stringContaining('du -xsh')],
          },
        ]);
      } finally {
        await api.stop();
        await execute('umount', [home]);
        await rm(home, { recursive: true });
      }
    },
  );
});
