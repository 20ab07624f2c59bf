import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import {
  accepted,
  type ControlPlane,
  newTenant,
  publish,
  settled,
  startControlPlane,
} from '../../support/worlds/control-plane.ts';
import { type CrashPlan, type CrashPoint, TraceLine } from '../../support/processes/crash-plan.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { invocations, ofTenant, quiet } from '../../support/servers/tenant-invocations.ts';
import type { Flow } from './flows.ts';

let plane: ControlPlane;

const Entry = z.object({ id: z.string(), target: z.string(), entry_type: z.string() });

async function tell(plan: CrashPlan): Promise<void> {
  await writeFile(`${plane.crash.plan}.half`, JSON.stringify(plan));
  await rename(`${plane.crash.plan}.half`, plane.crash.plan);
  // This removal arms the new plan: until now the previous plan counted as fired.
  await rm(plane.crash.fired, { force: true });
}

/**
 * The messages of the worker during a flow, in order. Their commands are compared with the journals of
 * Restate.
 */
async function recorded(flow: Flow): Promise<TraceLine[]> {
  const tenant = await newTenant(plane);
  await flow.prepare(plane, tenant);
  await quiet(plane.admin, tenant, 'a quiet tenant');
  const before = await invocations(plane.admin, tenant);
  await tell({ run: tenant, point: null });
  await rm(plane.crash.trace, { force: true });
  await flow.run(plane, tenant);
  await quiet(plane.admin, tenant, 'the end of the flow');
  const text = await readFile(plane.crash.trace, 'utf8');
  const trace = text
    .split('\n')
    .filter(Boolean)
    .map((line) => TraceLine.parse(JSON.parse(line)));

  const rows = await plane.admin.query(
    `SELECT i.id, i.target, j.entry_type FROM sys_journal j JOIN sys_invocation i ON j.id = i.id WHERE ${ofTenant(tenant)}`,
  );
  const journal = rows
    .map((row) => Entry.parse(row))
    .filter((row) => row.entry_type.startsWith('Command:') && !before.has(row.id));
  // The input is the only command that the server writes.
  const sent = journal.filter((row) => row.entry_type !== 'Command: Input');
  expect(sent.length).toBeLessThan(journal.length);
  expect(tally(trace.filter((line) => line.command).map((line) => line.handler))).toEqual(
    tally(sent.map((row) => handlerOf(row.target))),
  );
  return trace;
}

/** Turns `Tenant/acme/publish` into `Tenant/publish`. */
function handlerOf(target: string): string {
  const parts = target.split('/');
  return `${parts[0]}/${parts.at(-1)}`;
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

async function killedAt(flow: Flow, point: CrashPoint): Promise<void> {
  const at = `${flow.name}: ${point.side} message ${point.message} of ${point.handler} #${point.occurrence}`;
  const tenant = await newTenant(plane);
  await flow.prepare(plane, tenant);
  await quiet(plane.admin, tenant, `a quiet tenant, ${at}`);
  await tell({ run: tenant, point });
  await flow.run(plane, tenant);
  await eventually(async () => existsSync(plane.crash.fired), { what: `the worker died, ${at}` });
  await flow.check(plane, tenant, at);
  // The tenant is not blocked and its slot is free: otherwise the next publish would be refused under
  // `reject`.
  await eventually(
    async () => {
      const answer = await publish(plane, tenant, { onConflict: 'reject', files: { 'next.json': '{}' } });
      return (
        answer.kind === 'accepted' && (await settled(plane, tenant, answer.version)).outcome === 'published'
      );
    },
    { what: `the next publish, ${at}` },
  );
  await quiet(plane.admin, tenant, `the end, ${at}`);
}

/**
 * A test for each flow: the worker is killed with -9 before and after each of its messages, and the flow
 * still ends as it should.
 */
export function killAtEveryMessage(flows: readonly Flow[]): void {
  beforeAll(async () => {
    // A crash point is counted within one attempt of a handler. On a slow machine Restate could suspend a
    // waiting handler, which would continue in another attempt.
    const restateEnv = { RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT: '10m' };
    // The address range of the flows' compilers and checks.
    const workerEnv = () => Promise.resolve({ POINTSMAN_OUTBOUND_ALLOW: '127.0.0.1/32' });
    plane = await startControlPlane({ restateEnv, workerEnv });
  });
  afterAll(() => plane.stop());

  test.each(flows)(
    'a worker killed with -9 before or after any message of $name: $holds',
    async (flow) => {
      const trace = await recorded(flow);
      const points: CrashPoint[] = trace.filter(flow.concerns).flatMap(({ handler, occurrence, message }) => [
        { handler, occurrence, message, side: 'before' as const },
        { handler, occurrence, message, side: 'after' as const },
      ]);
      expect(points.length).toBeGreaterThanOrEqual(flow.atLeast);
      const deathsBefore = plane.worker.deaths;
      for (const point of points) await killedAt(flow, point);
      expect(plane.worker.deaths - deathsBefore).toBe(points.length);
      expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
      // Waits for its end, so that no later message is recorded as one of the next flow.
      const other = await newTenant(plane);
      await settled(plane, other, await accepted(plane, other));
      await quiet(plane.admin, other, 'the end of another tenant’s publish');
    },
    1_800_000,
  );
}
