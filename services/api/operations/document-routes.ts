import { paths } from '@pointsman/protocol/paths';
import { encodedResponse } from '../responses/responses.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';

/** The endpoint that serves the OpenAPI document. The document is generated at the first request. */
export function documentEndpoint(make: () => object): Endpoint {
  let made: Uint8Array<ArrayBuffer> | null = null;
  return endpoint({
    method: 'get',
    path: paths.openApi,
    operationId: 'getDocument',
    summary: 'This document',
    description: 'OpenAPI 3.1, generated from the schemas that check requests.',
    tags: ['process'],
    may: null,
    responses: {
      200: {
        description: 'The document.',
        content: { 'application/json': { schema: { type: 'object' as const } } },
      },
    },
    handle: () =>
      encodedResponse((made ??= Buffer.from(JSON.stringify(make()))), 'application/json', {
        'cache-control': 'public, max-age=60',
      }),
  });
}
