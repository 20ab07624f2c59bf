import { z } from 'zod';

import { findRelease, type ReleaseRecord } from '../../postgres/releases.ts';
import { absence } from '../absence.ts';
import type { ApiParts } from '../api-parts.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import { streamLimits } from '../limits.ts';
import { headerDocs } from '../openapi-responses.ts';
import { ReleaseParams } from '../params.ts';
import { encodeEvent, releaseEvents } from '../release-events.ts';
import { viewRelease } from '../release-view.ts';

const LastEventId = z
  .string()
  .regex(/^[0-9]{1,9}$/, 'must be the id of an event of this stream')
  .transform(Number)
  .optional()
  .meta({ description: 'The last event that the reader has: the stream goes on after it.', example: '4' });

const example = `id: 1
event: stage
data: {"stage":"validate","state":"running","startedAt":"2026-03-01T12:00:00.010Z"}

id: 15
event: settled
data: {"version":12,"outcome":"published"}
`;

export function progressEndpoints(parts: ApiParts): Endpoint[] {
  return [progressEndpoint(parts)];
}

function progressEndpoint(parts: ApiParts): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/tenants/{tenant}/bundles/{bundle}/releases/{version}/events',
    operationId: 'followRelease',
    summary: 'Follow a release',
    description:
      'The progress of a release as server-sent events, from its start: `stage` when a stage begins and when it ends, `settled` with the release at the end, after which the stream ends. A reader whose connection was cut sends `Last-Event-ID` and misses nothing.',
    tags: ['releases'],
    may: 'read',
    params: ReleaseParams,
    headers: z.object({ 'last-event-id': LastEventId }),
    responses: {
      200: {
        description: 'The stream.',
        headers: headerDocs(),
        content: { 'text/event-stream': { schema: { type: 'string' }, example } },
      },
    },
    problems: ['not_found', 'busy'],
    async handle({ params, headers, request }) {
      const release = await findRelease(parts.db, params);
      if (release === null)
        throw await absence(parts.db, params, `release v${params.version} of "${params.bundle}"`);
      // A HEAD has no body: nobody would ever read the stream, nor end it.
      if (request.method === 'HEAD') return new Response(null, { headers: STREAM_HEADERS });
      const signal = AbortSignal.any([
        request.signal,
        parts.draining,
        AbortSignal.timeout(streamLimits.lifetimeMs),
      ]);
      const records = release.status === 'settled' ? once(release) : parts.releases.follow(params, signal);
      return new Response(eventStream(records, headers['last-event-id'] ?? 0), { headers: STREAM_HEADERS });
    },
  });
}

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // Proxies that buffer would turn progress into a report.
  'x-accel-buffering': 'no',
};

async function* once(release: ReleaseRecord): AsyncGenerator<ReleaseRecord> {
  yield release;
}

/**
 * Each event of the release after `seen`, once, until it has settled. When the release can't be looked at the stream just ends: its
 * reader comes back with the last id it saw.
 */
function eventStream(
  records: AsyncGenerator<ReleaseRecord | null>,
  seen: number,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let heartbeat: NodeJS.Timeout | undefined;
  return new ReadableStream({
    start(controller) {
      // A reader that takes nothing gets no more comments, so that nothing piles up for it.
      const beat = (): void => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': still here\n\n'));
      };
      heartbeat = setInterval(beat, streamLimits.heartbeatMs);
      const tell = async (): Promise<void> => {
        let last = seen;
        for await (const record of records) {
          if (record === null) return;
          for (const event of releaseEvents(viewRelease(record)).filter(({ id }) => id > last)) {
            controller.enqueue(encoder.encode(encodeEvent(event)));
            last = event.id;
          }
          if (record.status === 'settled') return;
        }
      };
      const end = (): void => {
        clearInterval(heartbeat);
        try {
          controller.close();
        } catch {
          // The reader went away first.
        }
      };
      void tell().then(end, end);
    },
    async cancel() {
      clearInterval(heartbeat);
      await records.return(null);
    },
  });
}
