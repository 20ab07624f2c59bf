import { openDatabase, type Database } from '../../postgres/database.ts';
import { feedLimits } from '../../../core/limits/distribution-limits.ts';
import {
  type FailingBroker,
  failingBrokers,
  isReadOnly,
  recordHealth,
} from '../../postgres/upkeep/doctor.ts';
import { check, type Finding } from './finding.ts';

/** Runs with the database's connections, and closes them; null without a database. */
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

/** Whether PostgreSQL takes writes, and whether every pointer names an artifact that is there. */
export async function databaseFindings(db: Database | null, isOwnStack: boolean): Promise<Finding[]> {
  if (db === null) {
    const summary = isOwnStack
      ? 'not checked directly: npm start keeps its password to itself (the API and the worker report on it)'
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
        summary: 'takes no writes: it is a standby, or default_transaction_read_only is on',
        actions: ['Point DATABASE_URL of the API and the worker at the primary.'],
      });
    }
    if (dangling > 0) {
      findings.push({
        subject: 'pointers',
        state: 'error',
        summary: `${dangling} name an artifact that is not there`,
        actions: ['Restore PostgreSQL from a backup, or publish those bundles again.'],
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
    summary: `has failed since ${since} for the tenants of ${where}: ${reason ?? 'the reason is not known'}`,
    actions: [
      'Start it again. Channels that freeze wait for it, and moves are delivered in order when it is back.',
    ],
  };
}
