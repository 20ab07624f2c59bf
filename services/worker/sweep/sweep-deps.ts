import type { Ingress } from '@restatedev/restate-sdk-clients';
import type { Logger } from 'pino';

import type { Broker } from '@pointsman/protocol/sinks/sink';
import type { Clock } from '../../../handlers/ports/deps.ts';
import type { Database } from '../../postgres/database.ts';
import type { RestateAdmin } from '../../restate/admin.ts';

export interface SweepDeps {
  readonly db: Database;
  readonly admin: RestateAdmin;
  readonly ingress: Ingress;
  readonly clock: Clock;
  /** The brokers to which this worker delivers. */
  readonly brokers: readonly Broker[];
  /** The retention time of audit rows, in milliseconds. */
  readonly auditMs: number;
  readonly log: Logger;
}
