import { connect, HttpCallError, rpc } from '@restatedev/restate-sdk-clients';

import { SystemsReport, Worker } from '../../../handlers/contract/worker.ts';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { check, type Finding } from './finding.ts';

/** Which systems accept writes from the worker, as the worker reports: it delivers moves and runs releases. */
export async function workerSystemsFindings(
  ingressUrl: string | null,
  workerAnswers: boolean,
): Promise<Finding[]> {
  const subject = 'stores of the worker';
  if (ingressUrl === null)
    return [{ subject, state: 'unknown', summary: 'not checked: RESTATE_INGRESS_URL is not set' }];
  // Restate would keep the request and retry it.
  if (!workerAnswers) return [{ subject, state: 'unknown', summary: 'not checked: no worker responds' }];
  return check(subject, async () => {
    const worker = connect({ url: ingressUrl }).client(Worker);
    const signal = AbortSignal.timeout(clientLimits.requestMs);
    const answer: unknown = await worker.checkSystems(rpc.opts({ signal })).catch(refusedAs);
    if (answer === 'older')
      return [{ subject, state: 'unknown', summary: 'not checked: the worker has an older version' }];
    if (answer === 'silent') return [SILENT_WORKER];
    const report = SystemsReport.parse(answer);
    return SYSTEMS.flatMap(({ system, name, action }): Finding[] => {
      const found = report[system];
      if (found === undefined) return [];
      if (found.kind === 'well')
        return [{ subject: name, state: 'ok', summary: 'accepts writes from the worker' }];
      return [{ subject: name, state: 'error', summary: found.reason, actions: [action] }];
    });
  });
}

export const SILENT_WORKER: Finding = {
  subject: 'worker',
  state: 'error',
  summary: 'does not respond through Restate: publishes fail, and releases in flight do not progress',
  actions: [
    'If it does not run, start it. If it hangs, end it with kill -9; npm start starts another one:',
    'each release continues from its last step, once.',
  ],
};

/** A 404 of Restate is about the handler; other refusals, and a timeout, are about the worker behind it. */
function refusedAs(error: unknown): 'older' | 'silent' {
  if (error instanceof HttpCallError) return error.status === 404 ? 'older' : 'silent';
  if (error instanceof Error && error.name === 'TimeoutError') return 'silent';
  throw error;
}

/** A broker that the worker is not configured with is not in its report. */
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
