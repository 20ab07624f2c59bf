import { z } from 'zod';

import { TenantName } from '@pointsman/protocol/identifiers';

/** The brokers that carry Celery tasks. */
export const CeleryBroker = z.enum(['rabbitmq', 'redis']);

export const CeleryQueueName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'a queue\'s name is 1 to 63 characters of a-z, 0-9, ".", "_" and "-"',
  );

export const CeleryTaskName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.]{0,127}$/, 'must be the name of a Celery task')
  .default('pointsman.compile');

/**
 * A wildcard that matches every tenant. It can't collide with a tenant, because it is not a valid tenant
 * name.
 */
const EVERY_TENANT = '*';

/**
 * Allows a tenant to send one Celery task to one queue of the platform's broker. The operator lists these
 * grants. A tenant's admin writes the policy, so without the list an admin could send any task to any queue,
 * even to another tenant's queue.
 */
export const CeleryGrant = z.strictObject({
  tenant: z
    .string()
    .refine(
      (name) => name === EVERY_TENANT || TenantName.safeParse(name).success,
      `must be a tenant's name, or "${EVERY_TENANT}" for every tenant`,
    ),
  broker: CeleryBroker,
  queue: CeleryQueueName,
  task: CeleryTaskName,
});
export type CeleryGrant = z.infer<typeof CeleryGrant>;

type CeleryTarget = Omit<CeleryGrant, 'tenant'>;

/**
 * Returns why the operator's list does not allow the task, or null if it does. The text does not reveal other
 * tenants' entries.
 */
export function celeryRefusal(
  grants: readonly CeleryGrant[],
  tenant: string,
  wanted: CeleryTarget,
): string | null {
  const own = grants.filter((grant) => grant.tenant === tenant || grant.tenant === EVERY_TENANT);
  const isAllowed = own.some(
    ({ broker, queue, task }) => broker === wanted.broker && queue === wanted.queue && task === wanted.task,
  );
  if (isAllowed) return null;
  const allowed = own.length === 0 ? 'none' : [...new Set(own.map(describe))].join('; ');
  return `the operator does not allow ${describe(wanted)} for this tenant (POINTSMAN_CELERY_TASKS); allowed: ${allowed}`;
}

function describe({ broker, queue, task }: CeleryTarget): string {
  return `the task "${task}" in the queue "${queue}" of ${broker}`;
}
