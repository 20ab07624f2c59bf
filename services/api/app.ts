import type { Logger } from 'pino';

import type { CeleryGrant } from '../../core/celery-grant.ts';
import type { PointerId } from '@pointsman/protocol/identifiers';
import type { Broker } from '@pointsman/protocol/sinks/sink';
import type { Compiler } from '../compiler/compiler.ts';
import { startDeliveryReader } from '../hooks/delivery-reader.ts';
import type { Database } from '../postgres/database.ts';
import type { Notifications } from '../postgres/notifications.ts';
import { findPointer } from '../postgres/channels/pointers.ts';
import { findToken } from '../postgres/tenants/tokens.ts';
import type { QueueDepths } from '../rabbitmq/queue-depths.ts';
import { secretBox, type SecretKeys } from '../secrets/secret-box.ts';
import { authenticate, type FindToken, type KnownTokens } from './access/access.ts';
import type { ApiDeps } from './dependencies.ts';
import { diagnosisEndpoints } from './diagnosis/diagnosis-routes.ts';
import { examination } from './diagnosis/examination.ts';
import { type Connection, NO_CONNECTION } from './http/connection.ts';
import { deliveryWorkflows } from './hooks/delivery-workflow.ts';
import type { Endpoint } from './http/endpoint.ts';
import { cachedLines } from './http/cached-lines.ts';
import { watchFeeds } from './feed/feed-watch.ts';
import { connectIngress } from './ingress.ts';
import { sharedReadLimits } from './limits.ts';
import { bodyShares, responseShares, waitingShares } from './access/share-limits.ts';
import { Metrics } from './metrics/metrics.ts';
import { openApiDocument } from './operations/openapi.ts';
import { addQueueGauges } from './metrics/queue-gauges.ts';
import { pointerName, watchPointers } from './channels/pointer-watch.ts';
import { readinessOf } from './operations/readiness.ts';
import { watchReleases } from './releases/release-watch.ts';
import { releaseWorkflows } from './releases/release-workflow.ts';
import { router } from './http/router.ts';
import { approvalEndpoints } from './gates/approval-routes.ts';
import { bundleEndpoints } from './channels/bundle-routes.ts';
import { callbackEndpoints } from './callbacks/callback-routes.ts';
import { channelEndpoints } from './channels/channel-routes.ts';
import { rollbackEndpoints } from './channels/rollback-routes.ts';
import { checkEndpoints } from './gates/check-routes.ts';
import { contentEndpoints } from './content/content-routes.ts';
import { deliveryEndpoints } from './hooks/delivery-routes.ts';
import { documentEndpoint } from './operations/document-routes.ts';
import { followerEndpoints } from './followers/follower-routes.ts';
import { feedEndpoints } from './feed/feed-routes.ts';
import { gateEndpoints } from './gates/gate-routes.ts';
import { holdEndpoints } from './channels/hold-routes.ts';
import { hookEndpoints } from './hooks/hook-routes.ts';
import { policyEndpoints } from './tenants/policy-routes.ts';
import { processEndpoints } from './operations/process-routes.ts';
import { progressEndpoints } from './releases/progress-routes.ts';
import { publishEndpoints } from './releases/publish-routes.ts';
import { quotaEndpoints } from './tenants/quota-routes.ts';
import { releaseEndpoints } from './releases/release-routes.ts';
import { schemaEndpoints } from './operations/schema-routes.ts';
import { sinkEndpoints } from './sinks/sink-routes.ts';
import { sendingEndpoints } from './sinks/sink-delivery-routes.ts';
import { sinkControlEndpoints } from './sinks/sink-control-routes.ts';
import { tenantEndpoints } from './tenants/tenant-routes.ts';
import { tokenEndpoints } from './tenants/token-routes.ts';
import { webhookEndpoints } from './sinks/webhook-routes.ts';
import { sharedReads } from './operations/shared-reads.ts';
import { Shares } from './access/shares.ts';
import { sinkObjects } from './sinks/sink-object.ts';
import { startSourceReader } from './releases/source-reader.ts';
import { tenantObjects } from './tenants/tenant-object.ts';
import type { EarlyResponder } from './http/server.ts';
import { AcknowledgementRates } from './access/acknowledgement-rates.ts';
import { notModified } from './channels/not-modified.ts';

/** The dependencies that the process creates for the API. The process closes them after it has called `close`. */
export interface AppDeps {
  readonly db: Database;
  readonly notifications: Notifications;
  readonly compiler: Compiler;
  readonly restateIngressUrl: string;
  /** The URL of Restate's admin API. If null, the diagnosis of the server does not check Restate. */
  readonly restateAdminUrl: string | null;
  /** The data directory of `npm start`. Null if the API was started in another way. */
  readonly dataDir: string | null;
  /** The SHA-256 of the admin token from the process environment, in lower-case hex. */
  readonly adminTokenSha256: string;
  readonly secretKeys: SecretKeys | null;
  /**
   * The platform's message brokers, which deliver the moves of all tenants. Webhooks are not in this list, because they belong to tenants.
   */
  readonly brokers: readonly Broker[];
  /** The Celery tasks that tenants' policies may select for compiling. The operator configures them. */
  readonly celeryGrants: readonly CeleryGrant[];
  /** Reads the lengths of RabbitMQ queues for the metrics. Null if RabbitMQ is not configured. */
  readonly queueDepths: QueueDepths | null;
  readonly log: Logger;
  /** Aborts when the process begins to shut down. */
  readonly draining: AbortSignal;
}

export interface App {
  readonly fetch: (request: Request, connection?: Connection) => Response | Promise<Response>;
  /** Responds to some frequent requests before the router receives them. */
  readonly early: EarlyResponder;
  readonly endpoints: readonly Endpoint[];
  close(): Promise<void>;
}

/** Creates the HTTP API without opening a socket. */
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
    ...sinkControlEndpoints(parts),
    ...sendingEndpoints(parts),
    ...policyEndpoints(parts),
    ...quotaEndpoints(parts),
    ...contentEndpoints(parts),
    ...tokenEndpoints(parts),
    ...callbackEndpoints(parts),
    ...hookEndpoints(parts),
    ...deliveryEndpoints(parts),
    ...processEndpoints(parts),
    ...diagnosisEndpoints(parts),
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
  const known = (authorization: string | null, find: FindToken = knownTokens.find) =>
    authenticate(authorization, { ...knownTokens, find });
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
  restateAdminUrl,
  dataDir,
  secretKeys,
  brokers,
  celeryGrants,
  queueDepths,
  log,
  draining,
}: AppDeps): ApiDeps {
  const bodies = new Shares(bodyShares);
  const responses = new Shares(responseShares);
  const pointers = watchPointers(db, notifications);
  const releases = watchReleases(db, notifications);
  const feeds = watchFeeds(db, notifications);
  const ingress = connectIngress(restateIngressUrl);
  const readiness = readinessOf(db, restateIngressUrl, ingress);
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
    acknowledgements: new AcknowledgementRates(),
    metrics: metricsOf({ db, compiler, bodies, responses, pointers, releases, feeds }, queueDepths),
    readiness,
    examine: examination({ db, ingress, readiness, restateAdminUrl, dataDir, log }),
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
  }: Pick<ApiDeps, 'db' | 'compiler' | 'bodies' | 'responses' | 'pointers' | 'releases' | 'feeds'>,
  queueDepths: QueueDepths | null,
): Metrics {
  const metrics = new Metrics();
  metrics.gauge(
    'pointsman_waiting_readers',
    'Readers that wait for a pointer to move, or stream its events.',
    () => pointers.followers,
  );
  metrics.gauge(
    'pointsman_release_streams',
    'Readers that stream the events of a release.',
    () => releases.followers,
  );
  metrics.gauge(
    'pointsman_feed_readers',
    'Readers that wait for the next move of a tenant, or stream its feed.',
    () => feeds.readers,
  );
  metrics.gauge(
    'pointsman_publish_bytes_held',
    'Bytes of sources whose publish is in progress.',
    () => bodies.held,
  );
  metrics.gauge(
    'pointsman_response_bytes_held',
    'Bytes of counted responses that their readers have not received yet.',
    () => responses.held,
  );
  const lines = cachedLines(db);
  metrics.gauge(
    'pointsman_releases_in_flight',
    'Releases in flight, over all tenants.',
    async () => (await lines())?.inFlight ?? null,
  );
  metrics.gauge(
    'pointsman_releases_in_line',
    'Releases that wait in a queue, over all tenants.',
    async () => (await lines())?.inLine ?? null,
  );
  metrics.gauge(
    'pointsman_compile_queue',
    'Compilations that wait for a compile process of this worker or API.',
    () => compiler.waiting,
  );
  metrics.counterBy(
    'from',
    'pointsman_compiled_documents_total',
    'Documents and modules of all compilations: found in memory, found in the database, or compiled.',
    () => Object.entries(compiler.documents).map(([label, value]) => ({ label, value })),
  );
  metrics.gauge(
    'pointsman_stored_bytes',
    'Total bytes stored by all tenants, as counted by their quotas.',
    async () => (await lines())?.storedBytes ?? null,
  );
  metrics.gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  if (queueDepths !== null) addQueueGauges(metrics, queueDepths);
  return metrics;
}
