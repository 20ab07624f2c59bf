import { z } from 'zod';

import { paths } from '@pointsman/protocol/paths';
import { findReleaseProgress } from '../../postgres/releases/releases.ts';
import { missingError } from '../responses/not-found.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { eventStreamAnswer } from '../responses/event-stream.ts';
import { events, headerDocs, ofRelease } from '../responses/openapi-responses.ts';
import { ReleaseParams } from '../requests/params.ts';
import { EventIdText, NO_EVENT } from './release-events.ts';
import { progressEvents, settledEvents } from './progress-events.ts';

const LastEventId = EventIdText.optional().meta({
  description: 'The id of the last event that the reader received. The stream resumes after it.',
  example: '4',
});

const example = `id: 1
event: stage
data: {"stage":"validate","state":"running","startedAt":"2026-03-01T12:00:00.010Z"}

id: 7.2
event: gate
data: {"gate":"release","kind":"approval","change":"decided","by":"alice","decision":"approve","comment":null,"url":null,"at":"2026-03-01T12:05:00.000Z"}

id: 15
event: settled
data: {"version":12,"outcome":"published"}
`;

export function progressEndpoints(parts: ApiDeps): Endpoint[] {
  return [progressEndpoint(parts)];
}

function progressEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.releaseEvents,
    operationId: 'followRelease',
    summary: 'Follow a release',
    description:
      'The progress of a release as server-sent events, from its start: `stage` when a stage begins and when it ends, `gate` whenever something happens to one of its gates (`opened`, `decided`, `voided`, `passed`, `failed`, `expired`, `closed`), `settled` with the release at the end, after which the stream ends. A reader whose connection was cut sends `Last-Event-ID` and misses nothing.',
    tags: ['releases'],
    may: 'read',
    params: ReleaseParams,
    headers: z.object({ 'last-event-id': LastEventId }),
    responses: {
      200: {
        description: 'The stream.',
        headers: headerDocs(ofRelease),
        content: events(example),
      },
    },
    problems: ['not_found', 'busy'],
    async handle({ params, headers, request: { method }, signal: gone, occupy, countUnsent }) {
      const release = await findReleaseProgress(parts.db, params);
      if (release === null)
        throw await missingError(parts.db, params, `release v${params.version} of "${params.bundle}"`);
      const seen = headers['last-event-id'] ?? NO_EVENT;
      occupy(parts.waiting, 1);
      const stream = { method, signal: gone, unsent: countUnsent() };
      // Pass only the encoded events to the stream. Otherwise the whole release would stay in memory, and would not be counted against the
      // caller's share.
      const settled = release.status === 'settled' ? settledEvents(release, seen) : null;
      return eventStreamAnswer(
        stream,
        parts.draining,
        (signal) => settled ?? progressEvents(parts.releases.follow(params, signal), seen),
      );
    },
  });
}
