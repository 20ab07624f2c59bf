import type { RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { z } from 'zod';

import { EVENT_STREAM_TYPE } from '@pointsman/protocol/stream-events';

type Responses = RouteConfig['responses'];
type ResponseDocs = Exclude<Responses[string], { $ref: string }>;

/** The headers that the documentation of a response lists. */
export interface HeaderNames {
  readonly etag?: string;
  readonly location?: boolean;
  readonly replayed?: boolean;
  readonly cacheControl?: string;
  readonly generation?: boolean;
  readonly release?: boolean;
}

/** The documented headers of a response to a request that may be a repetition. */
export const replayed: HeaderNames = { replayed: true };

/** The documented headers of a response to a request about one release. */
export const ofRelease: HeaderNames = { release: true };

/** Documents a JSON response. */
export function json(schema: z.ZodType, description: string, headers: HeaderNames = {}): ResponseDocs {
  return { description, headers: headerDocs(headers), content: { 'application/json': { schema } } };
}

/** Documents a response that is JSON by default, or a stream of events if the client prefers one. */
export function orEvents(answer: ResponseDocs, example: string): ResponseDocs {
  return { ...answer, content: { ...answer.content, ...events(example) } };
}

/** Documents the content of an event stream. */
export function events(example: string) {
  return { [EVENT_STREAM_TYPE]: { schema: { type: 'string' as const }, example } };
}

/** Documents a response with binary content. */
export function bytes(mediaType: string, description: string, headers: HeaderNames = {}): ResponseDocs {
  return {
    description,
    headers: headerDocs(headers),
    content: { [mediaType]: { schema: { type: 'string', format: 'binary' } } },
  };
}

/** Documents a response without a body. */
export function empty(description: string, headers: HeaderNames = {}): ResponseDocs {
  return { description, headers: headerDocs(headers) };
}

/** Returns the documentation of the headers in OpenAPI notation. The first two headers are part of every response. */
export function headerDocs({
  etag,
  location,
  replayed: isReplayed,
  cacheControl,
  generation,
  release,
}: HeaderNames = {}) {
  return {
    'X-Request-Id': text('The id of this request, from the request or generated.'),
    traceparent: text('The W3C trace of this request.'),
    ...(etag === undefined ? {} : { ETag: text(etag) }),
    ...(location ? { Location: text('The URL of the resource.') } : {}),
    ...(isReplayed ? { 'Idempotency-Replayed': text('`true` when the request is a repetition.') } : {}),
    ...(cacheControl === undefined ? {} : { 'Cache-Control': text(cacheControl) }),
    ...(generation ? { 'Pointsman-Generation': text('The generation of the pointer that was used.') } : {}),
    ...(release
      ? {
          'Pointsman-Correlation-Id': text(
            'The release that the request is about, as in logs and messages: `acme:support-bot:v12`.',
          ),
        }
      : {}),
  };
}

function text(description: string) {
  return { description, schema: { type: 'string' as const } };
}
