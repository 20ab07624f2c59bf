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
  /** Null: the operator has not configured it. */
  readonly restateAdminUrl: string | null;
  /** The data directory of `npm start`; null elsewhere. */
  readonly dataDir: string | null;
  readonly log: Logger;
}

/** Examines the server. Never throws, and takes at most twice {@link diagnosisLimits.checkMs}: a running examination, and the next one. */
export type Examination = () => Promise<Finding[]>;

/**
 * The examination of all that belongs to no tenant. Concurrent callers share one; its findings are never older than their call, except
 * those of a check that hangs.
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
    // Every examination ends within this time.
    patienceMs: diagnosisLimits.checkMs,
  });
  return () => shared(null);
}
