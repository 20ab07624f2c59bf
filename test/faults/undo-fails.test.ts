import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { findRelease } from '../../services/postgres/releases/releases.ts';
import { appRoleOf } from '../support/servers/app-role.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../support/worlds/control-plane.ts';
import { eventually } from '../support/runs/eventually.ts';
import { contradictions } from '../support/runs/record-check.ts';
import { type Standstill, standstill } from '../support/servers/standstill.ts';

let plane: ControlPlane;
let still: Standstill;
beforeAll(async () => {
  plane = await startControlPlane();
  still = standstill(plane);
});
afterAll(() => plane.stop());

const Invocation = z.object({ id: z.string(), status: z.string() });

async function invocation(service: string, tenant: string, version: number) {
  const rows = await plane.admin.query(
    `SELECT id, status FROM sys_invocation
     WHERE target_service_name = '${service}' AND target_service_key = '${tenant}/bundle/v${version}'`,
  );
  return rows[0] ? Invocation.parse(rows[0]) : null;
}

/** Revokes the right to delete claims during `work`, so that every undo fails. */
async function withoutUndo(work: () => Promise<void>): Promise<void> {
  const app = appRoleOf(plane.postgres.appUrl);
  await still.sql((client) => client.query(`REVOKE DELETE ON pointsman.artifact_claims FROM ${app}`));
  try {
    await work();
  } finally {
    await still.sql((client) => client.query(`GRANT DELETE ON pointsman.artifact_claims TO ${app}`));
  }
}

async function claimed(tenant: string, version: number): Promise<void> {
  await eventually(async () => (await findRelease(plane.db, { tenant, bundle: 'bundle', version }))?.digest, {
    what: 'an artifact that is claimed',
  });
}

async function waitsForOperator(tenant: string, version: number): Promise<string> {
  const paused = await eventually(
    async () => {
      const found = await invocation('Compensation', tenant, version);
      return found?.status === 'paused' ? found : null;
    },
    { what: 'a Compensation invocation that is paused for an operator' },
  );
  return paused.id;
}

async function resumed(id: string, tenant: string, version: number): Promise<void> {
  const answer = await fetch(`${plane.restate.adminUrl}/invocations/${id}/resume`, { method: 'PATCH' });
  expect(answer.ok).toBe(true);
  await eventually(async () => (await invocation('Compensation', tenant, version))?.status === 'completed', {
    what: 'the end of the undo',
  });
  const release = await findRelease(plane.db, { tenant, bundle: 'bundle', version });
  expect(release?.effects).toMatchObject([{ effect: 'artifact-claim', state: 'compensated' }]);
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
}

test('an undo that keeps failing is recorded in the ledger and does not block its release or its tenant, and it completes when an operator resumes it', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant));
  let waiting = '';
  await withoutUndo(async () => {
    await still.holdAfter(tenant, async () => {
      await accepted(plane, tenant, { files: { 'b.json': '{}' } });
      await claimed(tenant, 2);
    });
    const release = await settled(plane, tenant, 2);
    expect(release).toMatchObject({ outcome: 'rejected', reason: 'the pointer is held: test' });
    expect(release.effects).toMatchObject([{ effect: 'artifact-claim', state: 'compensation_failed' }]);
    waiting = await waitsForOperator(tenant, 2);
    await still.sql((client) =>
      client.query(
        'UPDATE pointsman.pointers SET hold_reason = NULL, hold_by = NULL, hold_at = NULL WHERE tenant = $1',
        [tenant],
      ),
    );
    const next = await accepted(plane, tenant, { onConflict: 'reject', files: { 'c.json': '{}' } });
    expect((await settled(plane, tenant, next)).outcome).toBe('published');
  });
  await resumed(waiting, tenant, 2);
});

test('an undo that fails for a release that an operator killed also waits until an operator resumes it', async () => {
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant));
  let waiting = '';
  await withoutUndo(async () => {
    await still.whilePointerLocked(tenant, async () => {
      await accepted(plane, tenant, { files: { 'b.json': '{}' } });
      await claimed(tenant, 2);
      await still.killRelease({ tenant, bundle: 'bundle', version: 2 });
    });
    const release = await settled(plane, tenant, 2);
    expect(release.outcome).toBe('errored');
    expect(release.effects).toMatchObject([{ effect: 'artifact-claim', state: 'compensation_failed' }]);
    expect(JSON.stringify([release.reason, release.effects])).not.toMatch(
      /permission|artifact_claims|127\.0\.0\.1/,
    );
    waiting = await waitsForOperator(tenant, 2);
  });
  await resumed(waiting, tenant, 2);
});
