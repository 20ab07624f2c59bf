import type { Logger } from 'pino';

import type { ReleaseId, PointerId } from '../../core/identifiers.ts';
import type { Pointer } from '../../core/pointer.ts';
import type { Broker } from '../../core/sink.ts';
import type { Compiler } from '../compiler/compiler.ts';
import type { DeliveryReader } from '../hooks/delivery-reader.ts';
import type { Database } from '../postgres/database.ts';
import type { ReleaseProgress } from '../postgres/releases.ts';
import type { SecretBox } from '../secrets/secret-box.ts';
import type { BodyBudget } from './body.ts';
import type { DeliveryWorkflows } from './delivery-workflow.ts';
import type { FeedWatch } from './feed-watch.ts';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';
import type { ReleaseWorkflows } from './release-workflow.ts';
import type { SinkObjects } from './sink-object.ts';
import type { SourceReader } from './source-reader.ts';
import type { TenantObjects } from './tenant-object.ts';
import type { TokenBuckets } from './token-buckets.ts';
import type { Watches } from './watches.ts';

/** What endpoints are made of. */
export interface ApiParts {
  readonly db: Database;
  readonly tenants: TenantObjects;
  readonly workflows: ReleaseWorkflows;
  readonly deliveries: DeliveryWorkflows;
  readonly sinks: SinkObjects;
  /** Those that the platform has: each tenant's moves go there, also before there is any. */
  readonly brokers: readonly Broker[];
  /** Null without a key: then there are no hooks and no webhooks. */
  readonly secrets: SecretBox | null;
  readonly compiler: Compiler;
  readonly sources: SourceReader;
  /** Reads what is delivered to hooks. */
  readonly payloads: DeliveryReader;
  readonly budget: BodyBudget;
  /** The pointer as it is now: of many who ask at once, none gets an older one than there was when it asked. */
  readonly readPointer: (id: PointerId) => Promise<Pointer | null>;
  readonly pointers: Watches<PointerId, Pointer | null>;
  readonly releases: Watches<ReleaseId, ReleaseProgress | null>;
  /** How often followers may say what they run. */
  readonly acknowledgements: TokenBuckets;
  readonly feeds: FeedWatch;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly log: Logger;
  /** Aborts when the process is to end: whoever waits is sent home politely. */
  readonly draining: AbortSignal;
}
