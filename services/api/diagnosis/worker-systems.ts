import { HttpCallError, type Ingress, rpc } from '@restatedev/restate-sdk-clients';

import type { Finding } from '@pointsman/protocol/findings/finding';
import { SILENT_WORKER } from '@pointsman/protocol/findings/finding-texts';
import { SystemsReport, Worker } from '../../../handlers/contract/worker.ts';
import type { Readiness } from '../operations/readiness.ts';
import { diagnosisLimits } from './limits.ts';

const SUBJECT = 'stores of the worker';

/**
 * Reports which systems accept writes from the worker. The worker runs the checks itself, because it is the process that delivers moves and
 * runs releases.
 */
export async function workerSystemsFindings(ingress: Ingress, readiness: Readiness): Promise<Finding[]> {
  // Do not call a worker that is down: Restate would queue the call until a worker responds.
  if ((await readiness.probe()).worker !== 'ok') return [unchecked('no worker responds')];
  const signal = AbortSignal.timeout(diagnosisLimits.workerMs);
  const answer: unknown = await ingress.client(Worker).checkSystems(rpc.opts({ signal })).catch(refusedAs);
  if (answer === 'older') return [unchecked('the worker has an older version')];
  if (answer === 'silent') return [SILENT_WORKER];
  const report = SystemsReport.parse(answer);
  return SYSTEMS.flatMap(({ system, name, action }): Finding[] => {
    const found = report[system];
    if (found === undefined) return [];
    if (found.kind === 'well')
      return [{ subject: name, state: 'ok', summary: 'accepts writes from the worker', actions: [] }];
    return [{ subject: name, state: 'error', summary: found.reason, actions: [action] }];
  });
}

function unchecked(why: string): Finding {
  return { subject: SUBJECT, state: 'unknown', summary: `not checked: ${why}`, actions: [] };
}

/**
 * A 404 response from Restate means that the worker's version does not have the handler. Any other HTTP error, or a timeout, means that the
 * worker did not respond.
 */
function refusedAs(error: unknown): 'older' | 'silent' {
  if (error instanceof HttpCallError) return error.status === 404 ? 'older' : 'silent';
  if (error instanceof Error && error.name === 'TimeoutError') return 'silent';
  throw error;
}

/** The systems that the worker checks. Its report contains only the brokers that are configured in the worker. */
const SYSTEMS = [
  {
    system: 'postgres',
    name: 'PostgreSQL',
    action: "Start it, or free space on its disk. The worker's DATABASE_URL points to it.",
  },
  {
    system: 'redis',
    name: 'Redis',
    action:
      "Start it, or fix the error that it reports. The worker's REDIS_URL points to it. Delayed moves are delivered when it is back.",
  },
  {
    system: 'rabbitmq',
    name: 'RabbitMQ',
    action:
      "Start it, or fix the error that it reports. The worker's AMQP_URL points to it. Delayed moves are delivered when it is back.",
  },
] as const;
