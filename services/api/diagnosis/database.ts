import type { Finding } from '@pointsman/protocol/findings/finding';
import { feedLimits } from '@pointsman/protocol/limits';
import type { Database } from '../../postgres/database.ts';
import {
  type FailingBroker,
  failingBrokers,
  isReadOnly,
  recordHealth,
} from '../../postgres/upkeep/doctor.ts';

/** Reports whether PostgreSQL accepts writes, whether every pointer refers to a stored artifact, and which brokers are failing. */
export async function databaseFindings(db: Database): Promise<Finding[]> {
  const [row] = await db.platform("SELECT current_setting('server_version') AS version");
  const { dangling, inFlight } = await recordHealth(db);
  const findings: Finding[] = [
    {
      subject: 'PostgreSQL',
      state: 'ok',
      summary: `${String(row?.version)}, ${inFlight} in flight`,
      actions: [],
    },
  ];
  if (await isReadOnly(db)) {
    findings.push({
      subject: 'PostgreSQL',
      state: 'error',
      summary: 'does not accept writes: it is a standby, or default_transaction_read_only is on',
      actions: ['Set DATABASE_URL of the API and the worker to the primary.'],
    });
  }
  if (dangling > 0) {
    findings.push({
      subject: 'pointers',
      state: 'error',
      summary: `${dangling} name a missing artifact`,
      actions: ['Restore PostgreSQL from a backup, or publish these bundles again.'],
    });
  }
  return [...findings, ...(await failingBrokers(db)).map(brokerFinding)];
}

function brokerFinding({ broker, partitions, since, reason }: FailingBroker): Finding {
  const where = `${partitions} of ${feedLimits.partitions} partitions`;
  return {
    subject: broker,
    state: 'error',
    summary: `has failed since ${since} for the tenants of ${where}: ${reason ?? 'the reason is unknown'}`,
    actions: [
      'Start the broker again. Channels that freeze wait for it. Delayed moves are then delivered in order.',
    ],
  };
}
