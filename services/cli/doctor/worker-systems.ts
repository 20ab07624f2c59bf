import { connect, HttpCallError, rpc } from '@restatedev/restate-sdk-clients';

import { SystemsReport, Worker } from '../../../handlers/contract/worker.ts';
import { cliLimits } from '../limits.ts';
import { check, type Finding } from './finding.ts';

/** Which systems take writes from the worker, by its own word: it is the one that delivers moves and runs releases. */
export async function workerSystemsFindings(
  ingressUrl: string | null,
  workerAnswers: boolean,
): Promise<Finding[]> {
  const subject = 'stores of the worker';
  if (ingressUrl === null)
    return [{ subject, state: 'unknown', summary: 'not checked: RESTATE_INGRESS_URL is not set' }];
  // Restate would keep the question, and retry it.
  if (!workerAnswers) return [{ subject, state: 'unknown', summary: 'not checked: no worker answers' }];
  return check(subject, async () => {
    const worker = connect({ url: ingressUrl }).client(Worker);
    const signal = AbortSignal.timeout(cliLimits.requestMs);
    const answer: unknown = await worker.checkSystems(rpc.opts({ signal })).catch(refusedAs);
    if (answer === 'older')
      return [{ subject, state: 'unknown', summary: 'not checked: the worker is of an older version' }];
    if (answer === 'silent') return [SILENT_WORKER];
    const report = SystemsReport.parse(answer);
    return SYSTEMS.flatMap(({ system, name, action }): Finding[] => {
      const found = report[system];
      if (found === undefined) return [];
      if (found.kind === 'well')
        return [{ subject: name, state: 'ok', summary: 'takes writes from the worker' }];
      return [{ subject: name, state: 'error', summary: found.reason, actions: [action] }];
    });
  });
}

export const SILENT_WORKER: Finding = {
  subject: 'worker',
  state: 'error',
  summary: 'does not answer through Restate: nothing is published, and nothing that is in flight goes on',
  actions: [
    'Where it does not run, start it. Where it runs and hangs, end it with kill -9, and npm start starts another:',
    'each release goes on from its last step, once.',
  ],
};

/** Restate's 404 is about the handler; its other refusals, and its silence, are about the worker behind it. */
function refusedAs(error: unknown): 'older' | 'silent' {
  if (error instanceof HttpCallError) return error.status === 404 ? 'older' : 'silent';
  if (error instanceof Error && error.name === 'TimeoutError') return 'silent';
  throw error;
}

/** Brokers that the worker is not configured with are not in its report. */
const SYSTEMS = [
  {
    system: 'postgres',
    name: 'PostgreSQL',
    action: 'Start it, or make room on its disk. DATABASE_URL of the worker names it.',
  },
  {
    system: 'redis',
    name: 'Redis',
    action:
      'Start it, or mend what it says. REDIS_URL of the worker names it; the moves arrive when it is back.',
  },
  {
    system: 'rabbitmq',
    name: 'RabbitMQ',
    action:
      'Start it, or mend what it says. AMQP_URL of the worker names it; the moves arrive when it is back.',
  },
] as const;
