import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

/** Messages of the worker's own service. The rules of contract/tenant.ts apply here too. */

/** Whether a system accepts writes from the worker. `reason` contains no host name and no user name. */
const Writable = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('well') }),
  z.object({ kind: z.literal('down'), reason: z.string() }),
]);

/** The state of each system that the worker uses: PostgreSQL, and each configured broker. */
export const SystemsReport = z.object({
  postgres: Writable,
  redis: Writable.optional(),
  rabbitmq: Writable.optional(),
});
export type SystemsReport = z.infer<typeof SystemsReport>;

/**
 * Service. `ping` succeeds if Restate reaches a worker. `checkSystems` reports which systems that worker can
 * write to.
 */
export const Worker = iface.service('Worker', {
  ping: iface.json<void, null>(),
  checkSystems: iface.json<void, SystemsReport>(),
});
