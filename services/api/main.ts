import { createCompiler } from '../compiler/compiler.ts';
import { apiConfig } from '../config/config.ts';
import { processLog } from '../config/process-log.ts';
import { openDatabase } from '../postgres/database.ts';
import { Notifications } from '../postgres/notifications.ts';
import { UNROUTED } from '../rabbitmq/move-topology.ts';
import { queueDepths } from '../rabbitmq/queue-depths.ts';
import { createApp } from './app.ts';
import { listen } from './http/server.ts';

const config = apiConfig(process.env);
const log = processLog('api', config.logLevel);
const db = openDatabase(config.databaseUrl, { applicationName: 'pointsman-api' });
const notifications = new Notifications(config.databaseUrl);
notifications.start();
const compiler = createCompiler({ log });
const queues = [...config.amqpQueues, ...(config.amqpUnrouted === 'alternate' ? [UNROUTED] : [])];
const depths = config.amqpUrl === null ? null : queueDepths({ url: config.amqpUrl, queues, log });
const drain = new AbortController();
const app = createApp({
  db,
  notifications,
  compiler,
  restateIngressUrl: config.restateIngressUrl,
  restateAdminUrl: config.restateAdminUrl,
  dataDir: config.dataDir,
  adminTokenSha256: config.adminTokenSha256,
  secretKeys: config.secretKeys,
  brokers: config.brokers,
  celeryGrants: config.celeryGrants,
  queueDepths: depths,
  log,
  draining: drain.signal,
});
const server = await listen(app.fetch, { ...config, early: app.early });
log.info({ url: server.url }, 'ready');
process.send?.({ ready: true, url: server.url });

let stopping = false;
async function stop(why: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  log.info({ why }, 'stopping');
  drain.abort();
  await server.stop();
  await app.close();
  await compiler.close();
  await depths?.close();
  await notifications.close();
  await db.close();
  process.exit(0);
}

process.on('SIGTERM', () => void stop('SIGTERM'));
process.on('SIGINT', () => void stop('SIGINT'));
process.on('disconnect', () => void stop('the parent process has exited'));
