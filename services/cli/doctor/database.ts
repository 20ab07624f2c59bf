import { openDatabase, type Database } from '../../postgres/database.ts';
import { type FailingBroker, failingBrokers, recordHealth } from '../../postgres/doctor.ts';
import { feedLimits } from '../../../core/distribution-limits.ts';
import { printable } from '../printable.ts';
import { look, type Finding } from './finding.ts';

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

/** Whether PostgreSQL answers, and whether every pointer names what is there. */
export async function databaseFindings(db: Database | null, isOwnStack: boolean): Promise<Finding[]> {
  if (db === null) {
    const says = isOwnStack
      ? 'not looked into: npm start keeps its password to itself (what the API says of it is under "stores")'
      : 'DATABASE_URL is not set';
    return [{ about: 'PostgreSQL', state: 'unknown', says }];
  }
  return look('PostgreSQL', async () => {
    const [row] = await db.platform("SELECT current_setting('server_version') AS version");
    const { dangling, inFlight } = await recordHealth(db);
    const findings: Finding[] = [
      { about: 'PostgreSQL', state: 'well', says: `${String(row?.version)}, ${inFlight} in flight` },
    ];
    if (dangling > 0) {
      findings.push({
        about: 'pointers',
        state: 'ill',
        says: `${dangling} name an artifact that is not there`,
      });
    }
    return [...findings, ...(await failingBrokers(db)).map(brokerFinding)];
  });
}

function brokerFinding({ broker, partitions, since, reason }: FailingBroker): Finding {
  const where = `${partitions} of ${feedLimits.partitions} partitions`;
  return {
    about: broker,
    state: 'ill',
    says: `has failed since ${since} for the tenants of ${where}: ${printable(reason ?? 'nobody knows why')}`,
    advice: ['Channels that freeze wait for it, and moves are delivered when it is back.'],
  };
}
