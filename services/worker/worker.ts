import { createEndpointHandler, type LoggerTransport } from '@restatedev/restate-sdk';
import { connect } from '@restatedev/restate-sdk-clients';
import type { Logger } from 'pino';

import type { Clock, Deps } from '../../handlers/deps.ts';
import { courierObject } from '../../handlers/courier.ts';
import { deliveryWorkflow } from '../../handlers/delivery.ts';
import { janitorObject } from '../../handlers/janitor.ts';
import { releaseWorkflow } from '../../handlers/release.ts';
import { reporterObject } from '../../handlers/reporter.ts';
import { tenantObject } from '../../handlers/tenant.ts';
import { rabbitCeleryQueue } from '../celery/rabbitmq-queue.ts';
import { redisCeleryQueue } from '../celery/redis-queue.ts';
import { createCompiler } from '../compiler/compiler.ts';
import type { WorkerConfig } from '../config/config.ts';
import { openOutbound } from '../outbound/outbound.ts';
import { postgresAdmissions } from '../postgres/admissions.ts';
import { postgresCallbacks } from '../postgres/callbacks.ts';
import { openDatabase } from '../postgres/database.ts';
import { postgresGates } from '../postgres/gates.ts';
import { postgresMoves } from '../postgres/moves.ts';
import { postgresSettlements } from '../postgres/settlements.ts';
import { RestateAdmin } from '../restate/admin.ts';
import { secretBox } from '../secrets/secret-box.ts';
import { startRepositoryReader } from '../source-archive/repository-reader.ts';
import { type HookParts, hookDeliveries } from './deliveries.ts';
import type { EndpointListener } from './http2-endpoint.ts';
import { restateInvocations } from './invocations.ts';
import { outside, type OutsideParts } from './outside.ts';
import { hookReports } from './reports.ts';
import { releaseStages } from './stages.ts';
import type { SweepDeps } from './sweep.ts';

/** The durable handlers joined to the systems that they need: everything of the worker but its socket. */
export interface Worker {
  readonly listener: EndpointListener;
  readonly admin: RestateAdmin;
  readonly sweep: SweepDeps;
  close(): Promise<void>;
}

const clock: Clock = { now: () => Date.now() };

export function openWorker(config: WorkerConfig, log: Logger): Worker {
  const db = openDatabase(config.databaseUrl, { applicationName: 'pointsman-worker' });
  const compiler = createCompiler();
  const admin = new RestateAdmin(config.restateAdminUrl);
  const ingress = connect({ url: config.restateIngressUrl });
  const outbound = openOutbound({ allow: config.outboundAllow, log });
  const celery = celeryQueues(config, log);
  const reader = startRepositoryReader();
  const secrets = config.secretKeys === null ? null : secretBox(config.secretKeys);
  const hooks: HookParts = { db, outbound, secrets, log };
  const deps: Deps = {
    clock,
    admissions: postgresAdmissions(db),
    stages: releaseStages(db, compiler),
    gates: postgresGates(db),
    callbacks: postgresCallbacks(db),
    outside: outside({ outbound, celery, publicUrl: config.publicUrl }),
    moves: postgresMoves(db),
    settlements: postgresSettlements(db),
    invocations: restateInvocations(admin),
    deliveries: hookDeliveries({ ...hooks, reader }),
    reports: hookReports({ ...hooks, publicUrl: config.publicUrl }),
  };
  const listener = createEndpointHandler({
    services: [
      tenantObject(deps),
      releaseWorkflow(deps),
      janitorObject(deps),
      courierObject(deps),
      deliveryWorkflow(deps),
      reporterObject(deps),
    ],
    identityKeys: identityKeys(config, log),
    logger: restateLog(log),
  });
  return {
    listener,
    admin,
    sweep: { db, admin, ingress, clock, log },
    async close() {
      await Promise.all([outbound.close(), ...Object.values(celery).map((queue) => queue.close())]);
      await Promise.all([compiler.close(), reader.close()]);
      await db.close();
    },
  };
}

/** Nothing is connected yet: a broker that is away keeps nobody from starting. */
function celeryQueues({ amqpUrl, redisUrl }: WorkerConfig, log: Logger): OutsideParts['celery'] {
  return {
    ...(amqpUrl === null ? {} : { rabbitmq: rabbitCeleryQueue({ url: amqpUrl, log }) }),
    ...(redisUrl === null ? {} : { redis: redisCeleryQueue({ url: redisUrl, log }) }),
  };
}

/** Whose calls are taken: that of one Restate, or, for want of a key, everybody's, which is said once. */
function identityKeys({ identityKey }: WorkerConfig, log: Logger): string[] {
  if (identityKey !== null) return [identityKey];
  log.warn(
    'whoever reaches the port of the worker can run its handlers: give Restate a private key ' +
      '(RESTATE_WORKER__INVOKER__REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE) and set POINTSMAN_WORKER_IDENTITY_KEY to the public one that it logs',
  );
  return [];
}

/** The SDK's word on a missing key, once for HTTP/1 and once for HTTP/2. We say it ourselves, with what to do. */
const NO_KEY = 'Accepting requests without validating request signatures';

/** "info" is one line an attempt: of use only to whoever debugs. */
const LEVELS: Readonly<Record<string, 'error' | 'warn'>> = { error: 'error', warn: 'warn' };

/** The SDK's own words, in our log's form. */
function restateLog(log: Logger): LoggerTransport {
  return (metadata, message, ...more) => {
    if (metadata.replaying || String(message).startsWith(NO_KEY)) return;
    const level = LEVELS[metadata.level] ?? 'debug';
    const context = {
      invocation: metadata.context?.invocationId,
      target: metadata.context?.invocationTarget,
      key: metadata.context?.key,
    };
    const words: unknown[] = [message, ...(more as unknown[])];
    log[level](context, words.map(String).join(' '));
  };
}
