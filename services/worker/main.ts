import { workerConfig } from '../config/config.ts';
import { processLog } from '../config/process-log.ts';
import { buildId } from './build-id.ts';
import { serveEndpoint } from './http2-endpoint.ts';
import { startSweep } from './sweep/sweep.ts';
import { openWorker } from './worker.ts';

const config = workerConfig(process.env);
const log = processLog('worker', config.logLevel);
const worker = await openWorker(config, log);
const endpoint = await serveEndpoint(worker.listener, config.host, config.port);
const url = `${config.workerUrl.replace(/\/+$/, '')}/${buildId()}`;
const deployment = await worker.admin.registerDeployment(url);
const sweep = startSweep(worker.sweep);
log.info({ url, deployment: deployment.id, isNew: deployment.isNew }, 'ready');
process.send?.({ ready: true, url });

let stopping = false;
async function stop(why: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  log.info({ why }, 'stopping');
  await sweep.stop();
  await endpoint.close();
  await worker.close();
  process.exit(0);
}

process.on('SIGTERM', () => void stop('SIGTERM'));
process.on('SIGINT', () => void stop('SIGINT'));
process.on('disconnect', () => void stop('the parent process has ended'));
