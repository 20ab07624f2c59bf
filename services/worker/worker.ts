import { createEndpointHandler } from '@restatedev/restate-sdk';
import { connect } from '@restatedev/restate-sdk-clients';
import type { Logger } from 'pino';

import type { Clock, Deps } from '../../handlers/ports/deps.ts';
import { calloutObject } from '../../handlers/callout/callout.ts';
import { hookDeliveryWorkflow } from '../../handlers/hooks/hook-delivery.ts';
import { compensationObject } from '../../handlers/compensation/compensation.ts';
import { releaseWorkflow } from '../../handlers/release/release.ts';
import { commitStatusObject } from '../../handlers/hooks/commit-status.ts';
import { sinkObject } from '../../handlers/sink/sink.ts';
import { tenantObject } from '../../handlers/tenant/tenant.ts';
import { workerService } from '../../handlers/worker/worker-ping.ts';
import type { CeleryQueue } from '../celery/celery-queue.ts';
import { createCompiler } from '../compiler/compiler.ts';
import type { WorkerConfig } from '../config/config.ts';
import { openOutbound } from '../outbound/outbound.ts';
import { postgresAdmissions } from '../postgres/releases/admissions.ts';
import { postgresCallbacks } from '../postgres/releases/callbacks.ts';
import { type Database, openDatabase } from '../postgres/database.ts';
import { postgresGates } from '../postgres/releases/gates.ts';
import { postgresMoves } from '../postgres/channels/moves.ts';
import { postgresSettlements } from '../postgres/releases/settlements.ts';
import { RestateAdmin } from '../restate/admin.ts';
import { secretBox } from '../secrets/secret-box.ts';
import { startRepositoryReader } from '../source-archive/repository-reader.ts';
import { type HookDeps, hookDeliveries } from './hooks/deliveries.ts';
import type { EndpointListener } from './http2-endpoint.ts';
import { checkedSystems } from './check-systems.ts';
import { restateInvocations } from './sweep/invocations.ts';
import { manifestsIn, startManifestReader } from './pipeline/manifest-reader.ts';
import { outboundCalls, type OutboundCallDeps } from './pipeline/outbound-calls.ts';
import { logMoves, logSettled } from './logged-outcomes.ts';
import { hookReports } from './hooks/reports.ts';
import { sinksOf } from './sinks/sinks.ts';
import type { SinkDeps } from './sinks/send-through.ts';
import type { SinkTarget } from '../sinks/target.ts';
import { restateLog } from './restate-log.ts';
import { releaseStages } from './pipeline/stages.ts';
import { storedArtifacts } from './pipeline/stored-artifacts.ts';
import type { SweepDeps } from './sweep/sweep-deps.ts';
import { webhookDelivery } from '../webhooks/deliver.ts';
import { type Broker, isBroker } from '@pointsman/protocol/sinks/sink';

/** The worker without its socket. It consists of the durable handlers and their connections to other systems. */
export interface Worker {
  readonly listener: EndpointListener;
  readonly admin: RestateAdmin;
  readonly sweep: SweepDeps;
  close(): Promise<void>;
}

const clock: Clock = { now: () => Date.now() };

export async function openWorker(config: WorkerConfig, log: Logger): Promise<Worker> {
  const db = openDatabase(config.databaseUrl, { applicationName: 'pointsman-worker' });
  const compiler = createCompiler({ log });
  const admin = new RestateAdmin(config.restateAdminUrl);
  const ingress = connect({ url: config.restateIngressUrl });
  const outbound = openOutbound({ allow: config.outboundAllow, log });
  const celery = await celeryQueues(config, log);
  const reader = startRepositoryReader(log);
  const manifests = startManifestReader(log);
  const secrets = config.secretKeys === null ? null : secretBox(config.secretKeys);
  const hooks: HookDeps = { db, outbound, secrets, log };
  const targets = await sinkTargets(config, db, log);
  const brokers = Object.keys(targets).filter(isBroker);
  const deps: Deps = {
    clock,
    admissions: postgresAdmissions(db),
    stages: releaseStages(db, compiler),
    gates: postgresGates(db),
    callbacks: postgresCallbacks(db, manifestsIn(manifests)),
    outboundCalls: outboundCalls({ ...config, outbound, celery }),
    moves: logMoves(postgresMoves(db, { brokers }), log),
    settlements: logSettled(postgresSettlements(db), log),
    invocations: restateInvocations(admin),
    deliveries: hookDeliveries({ ...hooks, reader }),
    reports: hookReports({ ...hooks, publicUrl: config.publicUrl }),
    sinks: sinksOf({
      db,
      clock,
      brokers: targets,
      webhook: webhookDelivery({ outbound, log }),
      secrets,
      log,
    }),
    systems: checkedSystems(db, targets),
  };
  const listener = createEndpointHandler({
    services: [
      tenantObject(deps),
      releaseWorkflow(deps),
      compensationObject(deps),
      calloutObject(deps),
      hookDeliveryWorkflow(deps),
      commitStatusObject(deps),
      sinkObject(deps),
      workerService(deps),
    ],
    identityKeys: identityKeys(config, log),
    logger: restateLog(log),
  });
  return {
    listener,
    admin,
    sweep: { db, admin, ingress, clock, brokers, auditMs: config.auditMs, log },
    async close() {
      const connections = [outbound, ...Object.values(celery), ...Object.values(targets)];
      await Promise.all(connections.map((way) => way.close()));
      await Promise.all([compiler.close(), reader.close(), manifests.close()]);
      await db.close();
    },
  };
}

/**
 * Creates the Celery queues. They connect when they are first used, so that the worker also starts if a broker is
 * unreachable. The client library of a broker is loaded only if the broker is configured.
 */
async function celeryQueues(
  { amqpUrl, redisUrl }: WorkerConfig,
  log: Logger,
): Promise<OutboundCallDeps['celery']> {
  const queues: { -readonly [B in Broker]?: CeleryQueue } = {};
  if (amqpUrl !== null) {
    const { rabbitCeleryQueue } = await import('../celery/rabbitmq-queue.ts');
    queues.rabbitmq = rabbitCeleryQueue({ url: amqpUrl, log });
  }
  if (redisUrl !== null) {
    const { redisCeleryQueue } = await import('../celery/redis-queue.ts');
    queues.redis = redisCeleryQueue({ url: redisUrl, log });
  }
  return queues;
}

/**
 * Creates the targets for the brokers to which moves are delivered. They connect when they are first used. The client library of a broker is
 * loaded only if the broker is configured.
 */
async function sinkTargets(
  { redisUrl, redisCache, redisStreams: layout, amqpUrl, amqpUnrouted: unrouted }: WorkerConfig,
  db: Database,
  log: Logger,
): Promise<SinkDeps['brokers']> {
  const targets: { -readonly [B in Broker]?: SinkTarget } = {};
  if (redisUrl !== null) {
    const { redisMoveStream } = await import('../redis/move-stream.ts');
    const cache = redisCache ? storedArtifacts(db) : null;
    targets.redis = redisMoveStream({ url: redisUrl, log, cache, layout });
  }
  if (amqpUrl !== null) {
    const { rabbitMoveExchange } = await import('../rabbitmq/move-exchange.ts');
    targets.rabbitmq = rabbitMoveExchange({ url: amqpUrl, log, unrouted });
  }
  return targets;
}

/**
 * Returns the identity keys of the Restate servers whose calls are accepted, at most one. If no key is configured,
 * calls from any client are accepted, and a warning is logged.
 */
function identityKeys({ identityKey }: WorkerConfig, log: Logger): string[] {
  if (identityKey !== null) return [identityKey];
  log.warn(
    'any caller that reaches the port of the worker can run its handlers: give Restate a private key ' +
      '(RESTATE_WORKER__INVOKER__REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE) and set POINTSMAN_WORKER_IDENTITY_KEY to the public one that it logs',
  );
  return [];
}
