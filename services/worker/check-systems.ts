import { PointsmanError } from '@pointsman/protocol/errors';
import type { Systems } from '../../handlers/ports/deps.ts';
import type { SystemsReport } from '../../handlers/contract/worker.ts';
import type { Database } from '../postgres/database.ts';
import { isReadOnly } from '../postgres/upkeep/doctor.ts';
import type { SinkTarget } from '../sinks/target.ts';

/**
 * Checks PostgreSQL and the brokers over the worker's own connections. The result therefore applies to the releases
 * and sinks of this worker.
 */
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
    return { kind: 'down', reason: 'PostgreSQL accepts no writes: it is a standby or read-only' };
  } catch (error) {
    // Other errors come from the driver, and their messages may contain host and user names.
    const reason =
      error instanceof PointsmanError ? error.message : 'PostgreSQL returned an unexpected error';
    return { kind: 'down', reason };
  }
}
