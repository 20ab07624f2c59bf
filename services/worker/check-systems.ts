import { PointsmanError } from '../../core/errors.ts';
import type { Systems } from '../../handlers/ports/deps.ts';
import type { SystemsReport } from '../../handlers/contract/worker.ts';
import type { Database } from '../postgres/database.ts';
import { isReadOnly } from '../postgres/upkeep/doctor.ts';
import type { SinkTarget } from '../sinks/target.ts';

/** Checks the systems over the connections with which the worker uses them: what it finds is what releases and sinks meet. */
export function checkedSystems(
  db: Database,
  brokers: Readonly<Partial<Record<'redis' | 'rabbitmq', SinkTarget>>>,
): Systems {
  return {
    check: async () => {
      const [postgres, redis, rabbitmq] = await Promise.all([
        checkPostgres(db),
        brokers.redis?.probe(),
        brokers.rabbitmq?.probe(),
      ]);
      return { postgres, ...(redis && { redis }), ...(rabbitmq && { rabbitmq }) };
    },
  };
}

async function checkPostgres(db: Database): Promise<SystemsReport['postgres']> {
  try {
    if (!(await isReadOnly(db))) return { kind: 'well' };
    return { kind: 'down', reason: 'PostgreSQL takes no writes: it is a standby, or read-only' };
  } catch (error) {
    // The message of the driver names hosts and users.
    const reason = error instanceof PointsmanError ? error.message : 'PostgreSQL did not answer as expected';
    return { kind: 'down', reason };
  }
}
