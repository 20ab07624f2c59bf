import type { Logger } from 'pino';

import type { CeleryGrant } from '../../core/celery-grant.ts';
import type { ReleaseId, PointerId } from '@pointsman/protocol/identifiers';
import type { Pointer } from '@pointsman/protocol/moves/pointer';
import type { Broker } from '@pointsman/protocol/sinks/sink';
import type { Compiler } from '../compiler/compiler.ts';
import type { DeliveryReader } from '../hooks/delivery-reader.ts';
import type { Database } from '../postgres/database.ts';
import type { ReleaseProgress } from '../postgres/releases/releases.ts';
import type { SecretBox } from '../secrets/secret-box.ts';
import type { Examination } from './diagnosis/examination.ts';
import type { DeliveryWorkflows } from './hooks/delivery-workflow.ts';
import type { FeedWatch } from './feed/feed-watch.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { Readiness } from './operations/readiness.ts';
import type { ReleaseWorkflows } from './releases/release-workflow.ts';
import type { Shares } from './access/shares.ts';
import type { SinkObjects } from './sinks/sink-object.ts';
import type { SourceReader } from './releases/source-reader.ts';
import type { TenantObjects } from './tenants/tenant-object.ts';
import type { AcknowledgementRates } from './access/acknowledgement-rates.ts';
import type { Watches } from './watches/watches.ts';

export interface ApiDeps {
  readonly db: Database;
  readonly tenants: TenantObjects;
  readonly workflows: ReleaseWorkflows;
  readonly deliveries: DeliveryWorkflows;
  readonly sinks: SinkObjects;
  /** The platform's message brokers. Every move of every tenant is sent to each of them. */
  readonly brokers: readonly Broker[];
  /** The Celery tasks that tenants' policies may select for compiling. The operator configures them. */
  readonly celeryGrants: readonly CeleryGrant[];
  /** Encrypts the secrets of hooks and webhooks. Null if no secret key is configured; hooks and webhooks are then disabled. */
  readonly secrets: SecretBox | null;
  readonly compiler: Compiler;
  readonly sources: SourceReader;
  /** Parses the payloads of hook deliveries. */
  readonly payloads: DeliveryReader;
  /** Limits the memory that each tenant's sources and blobs use while they are uploaded, in bytes. */
  readonly bodies: Shares;
  /** Limits the memory that unsent responses of each tenant and token use, in bytes. */
  readonly responses: Shares;
  /** Limits the number of long-polls and event streams that each tenant and token can have open at the same time. */
  readonly waiting: Shares;
  /**
   * Reads the current pointer from the database. Concurrent callers share reads. A caller never gets the result of a read that started
   * before its call.
   */
  readonly readPointer: (id: PointerId) => Promise<Pointer | null>;
  readonly pointers: Watches<PointerId, Pointer | null>;
  readonly releases: Watches<ReleaseId, ReleaseProgress | null>;
  readonly acknowledgements: AcknowledgementRates;
  readonly feeds: FeedWatch;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly examine: Examination;
  readonly log: Logger;
  /** Aborts when the process begins to shut down. Waiting requests then get a response immediately. */
  readonly draining: AbortSignal;
}
