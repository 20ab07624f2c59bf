import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

/** Messages of the worker's own service. The rules of contract/tenant.ts apply here too. */

/** Whether a system accepts writes from the worker. `reason` contains no host name and no user name. */
const Writable = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('well') }),
  z.object({ kind: z.literal('down'), reason: z.string() }),
]);

/** The systems that the worker uses: PostgreSQL, and each configured broker. */
export const SystemsReport = z.object({
  postgres: Writable,
  redis: Writable.optional(),
  rabbitmq: Writable.optional(),
});
export type SystemsReport = z.infer<typeof SystemsReport>;

/**
 * Service. `ping` succeeds when Restate reaches a worker. `checkSystems` reports the systems that the worker
 * reaches.
 */
export const Worker = iface.service('Worker', {
  ping: iface.json<void, null>(),
  checkSystems: iface.json<void, SystemsReport>(),
});
