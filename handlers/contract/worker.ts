import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

/** Messages of the Worker service. The compatibility rules at the top of contract/tenant.ts apply to them. */

/**
 * Whether a system accepts writes from the worker. `reason` is safe to show: it contains no host name and no
 * user name.
 */
const Writable = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('well') }),
  z.object({ kind: z.literal('down'), reason: z.string() }),
]);

/** Whether each system that the worker uses accepts writes: PostgreSQL, and each configured broker. */
export const SystemsReport = z.object({
  postgres: Writable,
  redis: Writable.optional(),
  rabbitmq: Writable.optional(),
});
export type SystemsReport = z.infer<typeof SystemsReport>;

/**
 * Service. `ping` succeeds if Restate can call a worker. `checkSystems` reports which systems that worker can
 * write to.
 */
export const Worker = iface.service('Worker', {
  ping: iface.json<void, null>(),
  checkSystems: iface.json<void, SystemsReport>(),
});
