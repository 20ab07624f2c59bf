import { connect, HttpCallError, rpc } from '@restatedev/restate-sdk-clients';

import { SystemsReport, Worker } from '../../../handlers/worker-contract.ts';
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
    const answer: unknown = await worker.checkSystems(rpc.opts({ signal })).catch(nullIfUnknown);
    if (answer === null)
      return [{ subject, state: 'unknown', summary: 'not checked: the worker is of an older version' }];
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

/** Restate's 404 is about the handler. */
function nullIfUnknown(error: unknown): null {
  if (error instanceof HttpCallError && error.status === 404) return null;
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
