import type { Logger } from 'pino';

import type { CeleryGrant } from '../../core/celery-grant.ts';
import type { PointerId } from '../../core/identifiers.ts';
import type { Broker } from '../../core/sink.ts';
import type { Compiler } from '../compiler/compiler.ts';
import { startDeliveryReader } from '../hooks/delivery-reader.ts';
import type { Database } from '../postgres/database.ts';
import type { Notifications } from '../postgres/notifications.ts';
import { findPointer } from '../postgres/pointers.ts';
import { findToken } from '../postgres/tokens.ts';
import type { QueueDepths } from '../rabbitmq/queue-depths.ts';
import { secretBox, type SecretKeys } from '../secrets/secret-box.ts';
import { authenticate, type KnownTokens } from './access.ts';
import type { ApiParts } from './api-parts.ts';
import { type Connection, NO_CONNECTION } from './connection.ts';
import { deliveryWorkflows } from './delivery-workflow.ts';
import type { Endpoint } from './endpoint.ts';
import { cachedLines } from './cached-lines.ts';
import { watchFeeds } from './feed-watch.ts';
import { connectIngress } from './ingress.ts';
import {
  acknowledgementRate,
  bodyShares,
  responseShares,
  sharedReadLimits,
  waitingShares,
} from './limits.ts';
import { Metrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { addQueueGauges } from './queue-gauges.ts';
import { pointerName, watchPointers } from './pointer-watch.ts';
import { readinessOf } from './readiness.ts';
import { watchReleases } from './release-watch.ts';
import { releaseWorkflows } from './release-workflow.ts';
import { router } from './router.ts';
import { approvalEndpoints } from './routes/approvals.ts';
import { bundleEndpoints } from './routes/bundles.ts';
import { callbackEndpoints } from './routes/callbacks.ts';
import { channelEndpoints } from './routes/channels.ts';
import { rollbackEndpoints } from './routes/rollback.ts';
import { checkEndpoints } from './routes/checks.ts';
import { contentEndpoints } from './routes/content.ts';
import { deliveryEndpoints } from './routes/deliveries.ts';
import { documentEndpoint } from './routes/document.ts';
import { followerEndpoints } from './routes/followers.ts';
import { feedEndpoints } from './routes/feed.ts';
import { gateEndpoints } from './routes/gates.ts';
import { holdEndpoints } from './routes/holds.ts';
import { hookEndpoints } from './routes/hooks.ts';
import { policyEndpoints } from './routes/policy.ts';
import { processEndpoints } from './routes/process.ts';
import { progressEndpoints } from './routes/progress.ts';
import { publishEndpoints } from './routes/publish.ts';
import { quotaEndpoints } from './routes/quotas.ts';
import { releaseEndpoints } from './routes/releases.ts';
import { schemaEndpoints } from './routes/schemas.ts';
import { sinkEndpoints } from './routes/sinks.ts';
import { sendingEndpoints } from './routes/sink-sending.ts';
import { steeringEndpoints } from './routes/sink-steering.ts';
import { tenantEndpoints } from './routes/tenants.ts';
import { tokenEndpoints } from './routes/tokens.ts';
import { webhookEndpoints } from './routes/webhooks.ts';
import { sharedReads } from './shared-reads.ts';
import { Shares } from './shares.ts';
import { sinkObjects } from './sink-object.ts';
import { startSourceReader } from './source-reader.ts';
import { tenantObjects } from './tenant-object.ts';
import type { EarlyAnswer } from './server.ts';
import { TokenBuckets } from './token-buckets.ts';
import { notModified } from './not-modified.ts';

/** What the API needs of its process. Whoever hands these in closes them, after `close`. */
export interface AppDeps {
  readonly db: Database;
  readonly notifications: Notifications;
  readonly compiler: Compiler;
  readonly restateIngressUrl: string;
  /** Lower-case hex. */
  readonly adminTokenSha256: string;
  readonly secretKeys: SecretKeys | null;
  /** What the platform has beside webhooks. */
  readonly brokers: readonly Broker[];
  /** Which Celery tasks a policy may name. */
  readonly celeryGrants: readonly CeleryGrant[];
  /** Null without a RabbitMQ. */
  readonly queueDepths: QueueDepths | null;
  readonly log: Logger;
  /** Aborts when the process is to end. */
  readonly draining: AbortSignal;
}

export interface App {
  readonly fetch: (request: Request, connection?: Connection) => Response | Promise<Response>;
  /** What is answered without it. */
  readonly early: EarlyAnswer;
  readonly endpoints: readonly Endpoint[];
  close(): Promise<void>;
}

/** The HTTP API without its socket. */
export function createApp(deps: AppDeps): App {
  const parts = partsOf(deps);
  const endpoints: Endpoint[] = [
    ...tenantEndpoints(parts),
    ...bundleEndpoints(parts),
    ...publishEndpoints(parts),
    ...releaseEndpoints(parts),
    ...progressEndpoints(parts),
    ...approvalEndpoints(parts),
    ...checkEndpoints(parts),
    ...gateEndpoints(parts),
    ...channelEndpoints(parts),
    ...rollbackEndpoints(parts),
    ...followerEndpoints(parts),
    ...feedEndpoints(parts),
    ...holdEndpoints(parts),
    ...sinkEndpoints(parts),
    ...webhookEndpoints(parts),
    ...steeringEndpoints(parts),
    ...sendingEndpoints(parts),
    ...policyEndpoints(parts),
    ...quotaEndpoints(parts),
    ...contentEndpoints(parts),
    ...tokenEndpoints(parts),
    ...callbackEndpoints(parts),
    ...hookEndpoints(parts),
    ...deliveryEndpoints(parts),
    ...processEndpoints(parts),
    ...schemaEndpoints(),
    documentEndpoint(() => openApiDocument(endpoints)),
  ];
  const { log, draining } = deps;
  const knownTokens: KnownTokens = {
    adminSha256: deps.adminTokenSha256,
    find: sharedReads({
      keyOf: (sha256: string) => sha256,
      read: (sha256) => findToken(deps.db, sha256),
      patienceMs: sharedReadLimits.patienceMs,
    }),
  };
  const known = (authorization: string | null) => authenticate(authorization, knownTokens);
  const app = router(endpoints, {
    authenticate: known,
    log,
    draining,
    metrics: parts.metrics,
    responses: parts.responses,
  });
  return {
    fetch: (request, connection = NO_CONNECTION) => app.fetch(request, connection),
    early: notModified({ ...parts, authenticate: known }),
    endpoints,
    close: async () => {
      await Promise.all([parts.sources.close(), parts.payloads.close()]);
    },
  };
}

function partsOf({
  db,
  notifications,
  compiler,
  restateIngressUrl,
  secretKeys,
  brokers,
  celeryGrants,
  queueDepths,
  log,
  draining,
}: AppDeps): ApiParts {
  const bodies = new Shares(bodyShares);
  const responses = new Shares(responseShares);
  const pointers = watchPointers(db, notifications);
  const releases = watchReleases(db, notifications);
  const feeds = watchFeeds(db, notifications);
  const ingress = connectIngress(restateIngressUrl);
  return {
    db,
    compiler,
    bodies,
    responses,
    waiting: new Shares(waitingShares),
    readPointer: sharedReads({
      keyOf: pointerName,
      read: (id: PointerId) => findPointer(db, id),
      patienceMs: sharedReadLimits.patienceMs,
    }),
    pointers,
    releases,
    feeds,
    tenants: tenantObjects(ingress),
    sinks: sinkObjects(ingress),
    brokers,
    celeryGrants,
    workflows: releaseWorkflows(ingress),
    deliveries: deliveryWorkflows(ingress),
    secrets: secretKeys === null ? null : secretBox(secretKeys),
    sources: startSourceReader(log),
    payloads: startDeliveryReader(log),
    acknowledgements: new TokenBuckets(acknowledgementRate),
    metrics: metricsOf({ db, compiler, bodies, responses, pointers, releases, feeds }, queueDepths),
    readiness: readinessOf(db, restateIngressUrl, ingress),
    log,
    draining,
  };
}

function metricsOf(
  {
    db,
    compiler,
    bodies,
    responses,
    pointers,
    releases,
    feeds,
  }: Pick<ApiParts, 'db' | 'compiler' | 'bodies' | 'responses' | 'pointers' | 'releases' | 'feeds'>,
  queueDepths: QueueDepths | null,
): Metrics {
  const metrics = new Metrics();
  metrics.gauge(
    'pointsman_waiting_readers',
    'Readers that wait for a pointer to move, or follow it.',
    () => pointers.followers,
  );
  metrics.gauge('pointsman_release_streams', 'Readers that follow a release.', () => releases.followers);
  metrics.gauge(
    'pointsman_feed_readers',
    'Readers that wait for the next move of a tenant, or follow its feed.',
    () => feeds.readers,
  );
  metrics.gauge(
    'pointsman_publish_bytes_held',
    'Bytes of sources that are being published.',
    () => bodies.held,
  );
  metrics.gauge(
    'pointsman_response_bytes_held',
    'Bytes of responses that their readers have not taken yet, of those that are counted.',
    () => responses.held,
  );
  const lines = cachedLines(db);
  metrics.gauge(
    'pointsman_releases_in_flight',
    'Releases that are on their way to a pointer, over all tenants.',
    async () => (await lines())?.inFlight ?? null,
  );
  metrics.gauge(
    'pointsman_releases_in_line',
    'Releases that wait for the one before them, over all tenants.',
    async () => (await lines())?.inLine ?? null,
  );
  metrics.gauge(
    'pointsman_compile_queue',
    'Compilations of this process that wait for a thread.',
    () => compiler.waiting,
  );
  metrics.gauge(
    'pointsman_stored_bytes',
    'Bytes that all tenants together have stored, as their quotas count them.',
    async () => (await lines())?.storedBytes ?? null,
  );
  metrics.gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  if (queueDepths !== null) addQueueGauges(metrics, queueDepths);
  return metrics;
}
