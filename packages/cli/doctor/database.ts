import { openDatabase, type Database } from '../../../services/postgres/database.ts';
import { feedLimits } from '@pointsman/protocol/limits';
import {
  type FailingBroker,
  failingBrokers,
  isReadOnly,
  recordHealth,
} from '../../../services/postgres/upkeep/doctor.ts';
import { check, type Finding } from './finding.ts';

/** Runs the function with connections to the database, and closes them; null without a database. */
export async function withDatabase<T>(
  url: string | null,
  work: (db: Database | null) => Promise<T>,
): Promise<T> {
  if (url === null) return work(null);
  const db = openDatabase(url, { applicationName: 'pointsman doctor', connections: 1 });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/** Whether PostgreSQL accepts writes, and whether every pointer names a stored artifact. */
export async function databaseFindings(db: Database | null, isOwnStack: boolean): Promise<Finding[]> {
  if (db === null) {
    const summary = isOwnStack
      ? 'not checked directly: only npm start has its password (the API and the worker report on it)'
      : 'not checked directly: DATABASE_URL is not set';
    return [{ subject: 'PostgreSQL', state: 'unknown', summary }];
  }
  return check('PostgreSQL', async () => {
    const [row] = await db.platform("SELECT current_setting('server_version') AS version");
    const { dangling, inFlight } = await recordHealth(db);
    const findings: Finding[] = [
      { subject: 'PostgreSQL', state: 'ok', summary: `${String(row?.version)}, ${inFlight} in flight` },
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
  });
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
