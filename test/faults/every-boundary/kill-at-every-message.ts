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
import { isDeep } from '../../support/runs/deep.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { invocations, ofTenant, quiet } from '../../support/servers/tenant-invocations.ts';
import type { Flow } from '../../support/flows/flows.ts';

let plane: ControlPlane;

const Entry = z.object({ id: z.string(), target: z.string(), entry_type: z.string() });

async function tell(plan: CrashPlan): Promise<void> {
  await writeFile(`${plane.crash.plan}.half`, JSON.stringify(plan));
  await rename(`${plane.crash.plan}.half`, plane.crash.plan);
  // Removing this file makes the new plan effective. Until then the worker treats the crash of the plan as already
  // done.
  await rm(plane.crash.fired, { force: true });
}

/**
 * Runs a flow without a kill and returns the messages that the worker sent, in order. Also compares their commands
 * with Restate's journals, to prove that no message is missing.
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
  // Restate itself writes the input command. The worker writes all others.
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
  // The next publish proves that the tenant's object is not blocked and that its slot is free. With an occupied slot,
  // `reject` would refuse the publish.
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
 * The sides of a message on which the worker is killed. A kill before a message leaves work that is done but not in Restate's journal. A
 * kill after it leaves a journal whose next work has not begun, which only the deep tests check.
 */
const SIDES: readonly CrashPoint['side'][] = isDeep ? ['before', 'after'] : ['before'];

/**
 * Defines a test for each flow. It kills the worker with SIGKILL at each of the flow's messages, on each of {@link SIDES}, and checks each
 * time that the flow still keeps its guarantee.
 */
export function killAtEveryMessage(flows: readonly Flow[]): void {
  beforeAll(async () => {
    // A crash point counts the messages within one attempt of a handler. Without this long timeout, Restate could
    // suspend a waiting handler on a slow machine, and the rest of its messages would belong to another attempt.
    const restateEnv = { RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT: '10m' };
    // Allows calls to the outside servers of the flows, which run on this machine.
    const workerEnv = () => Promise.resolve({ POINTSMAN_OUTBOUND_ALLOW: '127.0.0.1/32' });
    plane = await startControlPlane({ restateEnv, workerEnv });
  });
  afterAll(() => plane.stop());

  test.each(flows.map((flow) => [flow.name, flow.holds, flow] as const))(
    'when the worker is killed with SIGKILL at any message of %s, %s',
    async (_name, _holds, flow) => {
      const trace = await recorded(flow);
      const messages = trace.filter(flow.concerns);
      expect(messages.length).toBeGreaterThanOrEqual(flow.atLeast);
      const points: CrashPoint[] = messages.flatMap(({ handler, occurrence, message }) =>
        SIDES.map((side) => ({ handler, occurrence, message, side })),
      );
      const deathsBefore = plane.worker.deaths;
      for (const point of points) await killedAt(flow, point);
      expect(plane.worker.deaths - deathsBefore).toBe(points.length);
      expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
      // Waits until this publish has ended. Otherwise its last messages would be recorded as messages of the next
      // flow.
      const other = await newTenant(plane);
      await settled(plane, other, await accepted(plane, other));
      await quiet(plane.admin, other, 'the end of another tenant’s publish');
    },
    1_800_000,
  );
}
