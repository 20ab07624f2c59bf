import { jsonAnswer } from '../answers.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import { DOCUMENT_PATH } from '../openapi.ts';

/** The endpoint that serves the document, which is made when first asked for. */
export function documentEndpoint(make: () => object): Endpoint {
  let made: object | null = null;
  return endpoint({
    method: 'get',
    path: DOCUMENT_PATH,
    operationId: 'getDocument',
    summary: 'This document',
    description: 'OpenAPI 3.1, made of the schemas that requests are checked with.',
    tags: ['process'],
    may: null,
    responses: {
      200: {
        description: 'The document.',
        content: { 'application/json': { schema: { type: 'object' as const } } },
      },
    },
    handle: () => jsonAnswer((made ??= make()), 200, { 'cache-control': 'public, max-age=60' }),
  });
}
