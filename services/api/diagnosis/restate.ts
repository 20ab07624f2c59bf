import { z } from 'zod';

import type { Finding } from '@pointsman/protocol/findings/finding';
import { Tenant } from '../../../handlers/contract/tenant.ts';
import { RestateAdmin } from '../../restate/admin.ts';
import { diagnosisLimits } from './limits.ts';

/** Checks whether Restate responds, and which invocations of the worker's services are paused or being retried. */
export async function restateFindings(adminUrl: string | null): Promise<Finding[]> {
  if (adminUrl === null) {
    return [
      {
        subject: 'Restate',
        state: 'unknown',
        summary: 'not checked: RESTATE_ADMIN_URL is not set for the API',
        actions: [
          "Set RESTATE_ADMIN_URL in the environment of the API to the address of Restate's admin API.",
        ],
      },
    ];
  }
  const admin = new RestateAdmin(adminUrl);
  const { version } = await admin.version();
  const services = await workerServices(admin);
  if (services.length === 0) return [unregistered(version)];
  const stuck = (await admin.query(stuckQuery(services))).map((row) => Stuck.parse(row));
  const shown = stuck.slice(0, diagnosisLimits.stuckInvocations).map((row) => stuckFinding(row, adminUrl));
  const found: Finding = {
    subject: 'Restate',
    state: 'ok',
    summary: `${version} at ${adminUrl}`,
    actions: [],
  };
  return [found, ...shown, ...(stuck.length > shown.length ? [more(adminUrl)] : [])];
}

/**
 * Returns the names of all services in the Restate deployments of Pointsman. They are read from Restate, because a deployment of another
 * version may have other services. Deployments of other programs in a shared Restate are excluded.
 */
async function workerServices(admin: RestateAdmin): Promise<string[]> {
  const names = (await admin.listDeployments())
    .map(({ services }) => services.map(({ name }) => name))
    .filter((services) => services.includes(Tenant.name))
    .flat();
  return [...new Set(names)].filter((name) => /^\w+$/.test(name));
}

/**
 * Paused invocations come first, because Restate does not retry them. The query reads one row more than is listed, to detect whether there
 * are more.
 */
function stuckQuery(services: readonly string[]): string {
  return `SELECT id, target, status, retry_count, last_failure FROM sys_invocation
    WHERE target_service_name IN (${services.map((name) => `'${name}'`).join(', ')})
      AND status IN ('paused', 'backing-off')
    ORDER BY status DESC, created_at LIMIT ${diagnosisLimits.stuckInvocations + 1}`;
}

const Stuck = z.object({
  id: z.string(),
  target: z.string(),
  status: z.enum(['paused', 'backing-off']),
  retry_count: z.number().nullish(),
  last_failure: z.string().nullish(),
});

function stuckFinding(
  { id, target, status, retry_count, last_failure }: z.infer<typeof Stuck>,
  adminUrl: string,
): Finding {
  const why = last_failure ?? 'Restate reports no reason';
  const restate = (command: string) =>
    `RESTATE_ADMIN_URL=${adminUrl} npx restate invocations ${command} ${id}`;
  if (status === 'paused') {
    return {
      subject: target,
      state: 'error',
      summary: `paused: ${why}`,
      actions: [
        `After fixing the cause: ${restate('resume')}`,
        `To cancel it and undo its effects: ${restate('cancel')}`,
      ],
    };
  }
  const retries = retry_count ?? 0;
  return {
    subject: target,
    state: retries < diagnosisLimits.manyRetries ? 'warning' : 'error',
    summary: `failing, ${retries} retries so far: ${why}`,
    actions: [
      `It continues automatically after the cause is fixed. To show its history: ${restate('describe')}`,
    ],
  };
}

function unregistered(version: string): Finding {
  return {
    subject: 'Restate',
    state: 'error',
    summary: `${version} has no worker: releases do not progress`,
    actions: ['Start the worker: it registers itself. RESTATE_ADMIN_URL must be the Restate of that worker.'],
  };
}

function more(adminUrl: string): Finding {
  return {
    subject: 'Restate',
    state: 'error',
    summary: `more than ${diagnosisLimits.stuckInvocations} invocations are paused or being retried`,
    actions: [
      `To list all: RESTATE_ADMIN_URL=${adminUrl} npx restate invocations list --status paused,backing-off`,
    ],
  };
}
