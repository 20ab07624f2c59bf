import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

/** The names and messages of the worker's own service: as contract.ts, which is long enough. */

/** Whether a system takes writes from the worker; `reason` names no host and no user. */
const Writable = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('well') }),
  z.object({ kind: z.literal('down'), reason: z.string() }),
]);

/** What the worker reaches, by name: PostgreSQL, and each broker that it is configured with. */
export const SystemsReport = z.object({
  postgres: Writable,
  redis: Writable.optional(),
  rabbitmq: Writable.optional(),
});
export type SystemsReport = z.infer<typeof SystemsReport>;

/** Service. A reply of `ping` says that a worker is there; `checkSystems` says what it reaches. */
export const Worker = iface.service('Worker', {
  ping: iface.json<void, null>(),
  checkSystems: iface.json<void, SystemsReport>(),
});
