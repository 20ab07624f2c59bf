import { z } from 'zod';

import type { RestateAdmin } from '../../../services/restate/admin.ts';
import { eventually } from '../runs/eventually.ts';

const Invocation = z.object({ id: z.string(), status: z.string() });

const Call = z.object({
  invocation_id: z.string(),
  /** The index is the kind of service. Objects and workflows also have a `key`. */
  invocation_target: z.record(z.string(), z.object({ key: z.string().optional() })),
});
/** A call from one invocation to another, as Restate's table `sys_journal` contains it. */
const Sent = z
  .union([z.object({ Call }), z.object({ OneWayCall: Call })])
  .transform((command) => ('Call' in command ? command.Call : command.OneWayCall));
const SentRow = z.object({
  entry_lite_json: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(z.object({ Command: Sent })),
});

/** A condition in Restate's SQL on `sys_invocation i` that selects the invocations of the tenant's objects and workflows. */
export const ofTenant = (tenant: string): string =>
  `(i.target_service_key = '${tenant}' OR i.target_service_key LIKE '${tenant}/%')`;

/** The tenant's invocations, each with its status. */
export async function invocations(admin: RestateAdmin, tenant: string): Promise<Map<string, string>> {
  const rows = await admin.query(`SELECT i.id, i.status FROM sys_invocation i WHERE ${ofTenant(tenant)}`);
  return new Map(rows.map((row) => Invocation.parse(row)).map(({ id, status }) => [id, status]));
}

/**
 * Waits until no invocation of the tenant is running or can begin by itself. An invocation on its way between two partitions is not in
 * `sys_invocation` yet, but it is in its sender's journal.
 */
export async function quiet(admin: RestateAdmin, tenant: string, what: string): Promise<void> {
  await eventually(
    async () => {
      const all = await invocations(admin, tenant);
      if (![...all.values()].every((status) => status === 'completed')) return false;
      // The journals are read after the list of invocations. An invocation that is in a journal but not in the list
      // may therefore still run.
      return (await sentBy(admin, tenant)).every((id) => all.has(id));
    },
    { what },
  );
}

/** The tenant's invocations to which its other invocations have sent a message. */
async function sentBy(admin: RestateAdmin, tenant: string): Promise<string[]> {
  const rows = await admin.query(
    `SELECT j.entry_lite_json FROM sys_journal j JOIN sys_invocation i ON j.id = i.id
      WHERE ${ofTenant(tenant)} AND j.entry_type IN ('Command: Call', 'Command: OneWayCall')`,
  );
  return rows
    .map((row) => SentRow.parse(row).entry_lite_json.Command)
    .filter(({ invocation_target: target }) =>
      Object.values(target).some(({ key }) => key === tenant || key?.startsWith(`${tenant}/`)),
    )
    .map((call) => call.invocation_id);
}
