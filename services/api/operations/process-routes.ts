import { z } from 'zod';

import { PointsmanError } from '../../../core/errors.ts';
import { jsonAnswer, encodedAnswer } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { sharedReadLimits } from '../limits.ts';
import { headerDocs, json } from '../responses/openapi-responses.ts';
import { sharedReads } from './shared-reads.ts';

const Alive = z.object({ status: z.literal('ok') }).meta({ id: 'Alive', example: { status: 'ok' } });

const Probe = z.enum(['ok', 'down']);
const Ready = z
  .object({ status: z.literal('ready'), postgres: Probe, restate: Probe, worker: Probe })
  .meta({ id: 'Ready', example: { status: 'ready', postgres: 'ok', restate: 'ok', worker: 'ok' } });

/** What whoever runs this process asks it. */
export function processEndpoints(parts: ApiDeps): Endpoint[] {
  return [aliveEndpoint(), readyEndpoint(parts), metricsEndpoint(parts)];
}

function aliveEndpoint(): Endpoint {
  return endpoint({
    method: 'get',
    path: '/healthz',
    operationId: 'isAlive',
    summary: 'Whether the process lives',
    description: 'Looks at nothing else: a store that is down is no reason to restart this process.',
    tags: ['process'],
    may: null,
    responses: { 200: json(Alive, 'It lives.') },
    handle: () => jsonAnswer({ status: 'ok' }, 200),
  });
}

function readyEndpoint({ readiness, draining }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/readyz',
    operationId: 'isReady',
    summary: 'Whether requests can be served',
    description:
      'Asks both stores, and a worker through Restate. Without a worker the process is ready all the same: reads go on, and a publish gets 503. Says no when the process is about to end.',
    tags: ['process'],
    may: null,
    responses: { 200: json(Ready, 'They can.') },
    problems: ['unavailable'],
    async handle() {
      const found = await readiness.look();
      if (draining.aborted)
        throw new PointsmanError('unavailable', 'The process is about to end.', { details: found });
      // A worker that is down must not take the readers' way to what is live with it.
      const { worker: _, ...stores } = found;
      const down = Object.entries(stores).filter(([, probed]) => probed === 'down');
      if (down.length > 0) {
        throw new PointsmanError('unavailable', `Down: ${down.map(([store]) => store).join(', ')}.`, {
          details: found,
        });
      }
      return jsonAnswer({ status: 'ready', ...found }, 200);
    },
  });
}

function metricsEndpoint({ metrics }: ApiDeps): Endpoint {
  // Making the text takes longer than sending it: all who ask while one is made share the next one.
  const text = sharedReads({
    keyOf: () => 'text',
    read: async () => Buffer.from(await metrics.text()),
    patienceMs: sharedReadLimits.patienceMs,
  });
  return endpoint({
    method: 'get',
    path: '/metrics',
    operationId: 'getMetrics',
    summary: 'Metrics',
    description:
      "In Prometheus' text format. Labels name routes and the queues that were set, never tenants.",
    tags: ['process'],
    may: null,
    responses: {
      200: {
        description: 'The metrics.',
        headers: headerDocs(),
        content: { 'text/plain': { schema: { type: 'string' }, example: 'pointsman_waiting_readers 3\n' } },
      },
    },
    handle: async () => encodedAnswer(await text(null), metrics.contentType),
  });
}
