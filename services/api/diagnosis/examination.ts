import type { Ingress } from '@restatedev/restate-sdk-clients';
import type { Logger } from 'pino';

import { bySeverity, type Finding } from '@pointsman/protocol/findings/finding';
import type { Database } from '../../postgres/database.ts';
import type { Readiness } from '../operations/readiness.ts';
import { sharedReads } from '../operations/shared-reads.ts';
import { boundedCheck } from './bounded-check.ts';
import { databaseFindings } from './database.ts';
import { diskFindings } from './disk.ts';
import { diagnosisLimits } from './limits.ts';
import { releaseFindings } from './old-releases.ts';
import { restateFindings } from './restate.ts';
import { workerSystemsFindings } from './worker-systems.ts';

export interface ExaminationDeps {
  readonly db: Database;
  readonly ingress: Ingress;
  readonly readiness: Readiness;
  /** The URL of Restate's admin API. Null if the operator has not configured it. */
  readonly restateAdminUrl: string | null;
  /** The data directory of `npm start`. Null if the API was started in another way. */
  readonly dataDir: string | null;
  readonly log: Logger;
}

/**
 * Runs the diagnosis of the server. Never throws. A call takes at most twice {@link diagnosisLimits.checkMs}, because it may wait for a run
 * in progress before its own run starts.
 */
export type Examination = () => Promise<Finding[]>;

/**
 * Creates the diagnosis of all systems that the tenants share. Concurrent callers share one run, which starts after their calls, so its
 * findings are current. The only exception is a check that hangs: it is not started again, so its finding may be older.
 */
export function examination(deps: ExaminationDeps): Examination {
  const { db, ingress, readiness, restateAdminUrl, dataDir } = deps;
  const checks = [
    boundedCheck('stores of the worker', () => workerSystemsFindings(ingress, readiness), deps),
    boundedCheck('Restate', () => restateFindings(restateAdminUrl), deps),
    boundedCheck('PostgreSQL', () => databaseFindings(db), deps),
    boundedCheck('disk', () => diskFindings(dataDir), deps),
    boundedCheck('releases', () => releaseFindings(db, Date.now()), deps),
  ];
  const shared = sharedReads({
    keyOf: () => 'all',
    read: async () => bySeverity((await Promise.all(checks.map((check) => check()))).flat()),
    // The maximum time to wait for a run of the diagnosis that is in progress. Every run ends within this time.
    patienceMs: diagnosisLimits.checkMs,
  });
  return () => shared(null);
}
