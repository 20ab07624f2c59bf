import { z } from 'zod';

import { findReleaseProgress, type ReleaseProgress } from '../../postgres/releases.ts';
import { absence } from '../absence.ts';
import type { ApiParts } from '../api-parts.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import { streamLimits } from '../limits.ts';
import { headerDocs } from '../openapi-responses.ts';
import { ReleaseParams } from '../params.ts';
import {
  encodeEvent,
  type EventId,
  EventIdText,
  isAfter,
  NO_EVENT,
  releaseEvents,
} from '../release-events.ts';
import { viewRelease } from '../release-view.ts';

const LastEventId = EventIdText.optional().meta({
  description: 'The last event that the reader has: the stream goes on after it.',
  example: '4',
});

const example = `id: 1
event: stage
data: {"stage":"validate","state":"running","startedAt":"2026-03-01T12:00:00.010Z"}

id: 7.2
event: gate
data: {"gate":"release","kind":"approval","change":"said","by":"alice","word":"approve","comment":null,"url":null,"at":"2026-03-01T12:05:00.000Z"}

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
      'The progress of a release as server-sent events, from its start: `stage` when a stage begins and when it ends, `gate` whenever something happens to one of its gates (`opened`, `said`, `voided`, `passed`, `failed`, `expired`, `closed`), `settled` with the release at the end, after which the stream ends. A reader whose connection was cut sends `Last-Event-ID` and misses nothing.',
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
      const release = await findReleaseProgress(parts.db, params);
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
      return new Response(eventStream(records, headers['last-event-id'] ?? NO_EVENT), {
        headers: STREAM_HEADERS,
      });
    },
  });
}

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // Proxies that buffer would turn progress into a report.
  'x-accel-buffering': 'no',
};

async function* once(release: ReleaseProgress): AsyncGenerator<ReleaseProgress> {
  yield release;
}

/**
 * Each event of the release after `seen`, once, until it has settled. When the release can't be looked at the stream just ends: its
 * reader comes back with the last id it saw.
 */
function eventStream(
  records: AsyncGenerator<ReleaseProgress | null>,
  seen: EventId,
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
          const { gateChanges, ...release } = record;
          const events = releaseEvents(viewRelease(release), gateChanges);
          for (const event of events.filter(({ id }) => isAfter(id, last))) {
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
