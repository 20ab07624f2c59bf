import type { RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { z } from 'zod';

type Responses = RouteConfig['responses'];
type ResponseDocs = Exclude<Responses[string], { $ref: string }>;

/** Which of the headers an answer carries. */
export interface AnswerHeaders {
  readonly etag?: string;
  readonly location?: boolean;
  readonly replayed?: boolean;
  readonly cacheControl?: string;
  readonly generation?: boolean;
  readonly release?: boolean;
}

/** The answer of a request that may be a repetition. */
export const replayed: AnswerHeaders = { replayed: true };

/** The answer of a request about one release. */
export const ofRelease: AnswerHeaders = { release: true };

/** How an answer in JSON is documented. */
export function json(schema: z.ZodType, description: string, headers: AnswerHeaders = {}): ResponseDocs {
  return { description, headers: headerDocs(headers), content: { 'application/json': { schema } } };
}

/** How an answer is documented that is a stream of events for whoever asks for one. */
export function orEvents(answer: ResponseDocs, example: string): ResponseDocs {
  return { ...answer, content: { ...answer.content, ...events(example) } };
}

/** The content of a stream of events. */
export function events(example: string) {
  return { 'text/event-stream': { schema: { type: 'string' as const }, example } };
}

/** How an answer of some bytes is documented. */
export function bytes(mediaType: string, description: string, headers: AnswerHeaders = {}): ResponseDocs {
  return {
    description,
    headers: headerDocs(headers),
    content: { [mediaType]: { schema: { type: 'string', format: 'binary' } } },
  };
}

/** How an answer without a body is documented. */
export function empty(description: string, headers: AnswerHeaders = {}): ResponseDocs {
  return { description, headers: headerDocs(headers) };
}

/** Headers as OpenAPI wants them. Every answer has the first two. */
export function headerDocs({
  etag,
  location,
  replayed: isReplayed,
  cacheControl,
  generation,
  release,
}: AnswerHeaders = {}) {
  return {
    'X-Request-Id': text('The id of this request, as it was given or made up.'),
    traceparent: text('The W3C trace of this request.'),
    ...(etag === undefined ? {} : { ETag: text(etag) }),
    ...(location ? { Location: text('Where the thing is.') } : {}),
    ...(isReplayed ? { 'Idempotency-Replayed': text('`true` when this answers a repeated request.') } : {}),
    ...(cacheControl === undefined ? {} : { 'Cache-Control': text(cacheControl) }),
    ...(generation
      ? { 'Pointsman-Generation': text('The generation of the pointer that was followed.') }
      : {}),
    ...(release
      ? {
          'Pointsman-Correlation-Id': text(
            'The release that this was about, as logs and messages name it: `acme:support-bot:v12`.',
          ),
        }
      : {}),
  };
}

function text(description: string) {
  return { description, schema: { type: 'string' as const } };
}
