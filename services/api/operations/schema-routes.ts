import { z } from 'zod';
import { pathOf, paths } from '@pointsman/protocol/paths';

import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { encodedResponse } from '../responses/responses.ts';
import { etagOf } from '@pointsman/protocol/entity-tag';
import { IfNoneMatch, isKnown } from '../responses/entity-tags.ts';
import { empty, headerDocs } from '../responses/openapi-responses.ts';
import { type SchemaDocument, schemaDocument, type SchemaName } from './schema-documents.ts';

const MEDIA_TYPE = 'application/schema+json';
/** An upgrade of the server can change a schema. Clients may cache a schema for one minute, like the OpenAPI document. */
const CACHE_CONTROL = 'public, max-age=60';
const sent = {
  etag: 'The digest of the schema, in double quotes.',
  cacheControl: `\`${CACHE_CONTROL}\`.`,
};

/** The endpoints that serve JSON Schemas to editors. They require no token, because editors do not send one. */
export function schemaEndpoints(): Endpoint[] {
  return [
    schemaEndpoint('pointsman.json', { operationId: 'getRecipeSchema', file: '`pointsman.yaml`' }),
    schemaEndpoint('policy.json', { operationId: 'getPolicySchema', file: 'a policy' }),
  ];
}

function schemaEndpoint(
  name: SchemaName,
  { operationId, file }: { operationId: string; file: string },
): Endpoint {
  let made: SchemaDocument | null = null;
  return endpoint({
    method: 'get',
    path: pathOf(paths.schema, { name }),
    operationId,
    summary: `The JSON Schema of ${file}`,
    description: `JSON Schema, draft 7, for editors that complete and check ${file}. It is the same for every tenant.`,
    tags: ['process'],
    may: null,
    headers: z.object({ 'if-none-match': IfNoneMatch }),
    responses: {
      200: {
        description: 'The schema.',
        headers: headerDocs(sent),
        content: { [MEDIA_TYPE]: { schema: { type: 'object' as const } } },
      },
      304: empty('The caller has the current schema.', sent),
    },
    problems: ['busy'],
    handle({ headers: asked }) {
      const { text, digest } = (made ??= schemaDocument(name));
      const etag = etagOf(digest);
      const headers = { etag, 'cache-control': CACHE_CONTROL };
      return isKnown(asked['if-none-match'], etag)
        ? new Response(null, { status: 304, headers })
        : encodedResponse(text, MEDIA_TYPE, headers);
    },
  });
}
