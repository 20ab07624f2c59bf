import { PointsmanError } from '@pointsman/protocol/errors';
import { AliveView, ReadyView } from '@pointsman/protocol/health-view';
import { paths } from '@pointsman/protocol/paths';
import { jsonResponse, encodedResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { sharedReadLimits } from '../limits.ts';
import { headerDocs, json } from '../responses/openapi-responses.ts';
import { sharedReads } from './shared-reads.ts';

/** The endpoints for operators and orchestrators. */
export function processEndpoints(parts: ApiDeps): Endpoint[] {
  return [aliveEndpoint(), readyEndpoint(parts), metricsEndpoint(parts)];
}

function aliveEndpoint(): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.alive,
    operationId: 'isAlive',
    summary: 'Liveness',
    description: 'Checks only this process: a restart does not help when a store is down.',
    tags: ['process'],
    may: null,
    responses: { 200: json(AliveView, 'The process is alive.') },
    handle: () => jsonResponse({ status: 'ok' }, 200),
  });
}

function readyEndpoint({ readiness, draining }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.ready,
    operationId: 'isReady',
    summary: 'Readiness',
    description:
      'Probes both stores, and a worker through Restate. The process is ready even without a worker: reads work, and a publish returns 503. Not ready during shutdown.',
    tags: ['process'],
    may: null,
    responses: { 200: json(ReadyView, 'Ready for requests.') },
    problems: ['unavailable'],
    async handle() {
      const found = await readiness.probe();
      if (draining.aborted)
        throw new PointsmanError('unavailable', 'The process is shutting down.', { details: found });
      // The API stays ready while the worker is down, because reads work without a worker.
      const { worker: _, ...stores } = found;
      const down = Object.entries(stores).filter(([, probed]) => probed === 'down');
      if (down.length > 0) {
        throw new PointsmanError('unavailable', `Down: ${down.map(([store]) => store).join(', ')}.`, {
          details: found,
        });
      }
      const ready: ReadyView = { status: 'ready', ...found };
      return jsonResponse(ready, 200);
    },
  });
}

function metricsEndpoint({ metrics }: ApiDeps): Endpoint {
  // Generating the metrics takes longer than sending them, so concurrent scrapes share the generated text.
  const text = sharedReads({
    keyOf: () => 'text',
    read: async () => Buffer.from(await metrics.text()),
    patienceMs: sharedReadLimits.patienceMs,
  });
  return endpoint({
    method: 'get',
    path: paths.metrics,
    operationId: 'getMetrics',
    summary: 'Metrics',
    description: "In Prometheus' text format. Labels are routes and configured queues, never tenants.",
    tags: ['process'],
    may: null,
    responses: {
      200: {
        description: 'The metrics.',
        headers: headerDocs(),
        content: { 'text/plain': { schema: { type: 'string' }, example: 'pointsman_waiting_readers 3\n' } },
      },
    },
    handle: async () => encodedResponse(await text(null), metrics.contentType),
  });
}
