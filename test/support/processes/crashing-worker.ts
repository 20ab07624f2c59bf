import { flushCompileCache } from 'node:module';

import { pino } from 'pino';

import { workerConfig } from '../../../services/config/config.ts';
import { serveEndpoint } from '../../../services/worker/http2-endpoint.ts';
import { startSweep } from '../../../services/worker/sweep/sweep.ts';
import { openWorker } from '../../../services/worker/worker.ts';
import { crashFiles, crashing } from './crash-plan.ts';

// The real worker in its own process, behind a listener that can kill it at a chosen message. Its URL never changes, so Restate treats a
// restarted worker as the same deployment.
const config = workerConfig(process.env);
const folder = process.env['CRASH_FOLDER'];
if (!folder) throw new Error('CRASH_FOLDER names the folder of the crash plan');
const worker = await openWorker(config, pino({ level: config.logLevel, base: { process: 'worker' } }));
await serveEndpoint(crashing(worker.listener, crashFiles(folder)), config.host, config.port);
await worker.admin.registerDeployment(config.workerUrl);
startSweep(worker.sweep);
// Writes the compile cache of Node now. Node usually writes it when a process exits, but this one may be killed.
flushCompileCache();
process.send?.({ ready: true });
process.on('disconnect', () => process.exit(0));
