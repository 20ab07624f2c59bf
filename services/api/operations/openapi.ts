import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { z } from 'zod';

import { ERRORS, type ErrorCode } from '../../../core/errors.ts';
import { documentPath, type Endpoint } from '../http/endpoint.ts';
import { headerDocs } from '../responses/openapi-responses.ts';
import { Problem } from '../responses/problem.ts';

/** Where the document is served. It documents itself, too, so that every route is in it. */
export const DOCUMENT_PATH = '/openapi.json';

const info = {
  title: 'Pointsman',
  version: '1',
  description:
    'Publishes what tenants should run: checks it, compiles it, stores it, and moves the live pointer exactly once. Errors are problem documents (RFC 9457) with a stable `code`. Lists are pages of `items` with a cursor in `next`. Unknown fields and parameters are refused. HEAD is answered wherever GET is.',
  license: { name: 'MIT', identifier: 'MIT' },
};

const tags = [
  { name: 'tenants', description: 'The units of isolation.' },
  { name: 'bundles', description: 'The named things that a tenant publishes.' },
  { name: 'releases', description: 'Numbered attempts to publish a source.' },
  { name: 'gates', description: 'What releases wait for, and what people and machines say to it.' },
  { name: 'channels', description: 'Pointers: what is live, how it came there, and who may move it.' },
  {
    name: 'sinks',
    description: 'Where moves are announced, how far that has come, and who says when and what.',
  },
  { name: 'followers', description: 'Runtimes: what each of them says that it runs.' },
  { name: 'policy', description: 'What a publish must pass, and what becomes of one that meets another.' },
  { name: 'quotas', description: 'What a tenant may have at most, and what it has.' },
  { name: 'content', description: 'What was compiled.' },
  { name: 'tokens', description: 'Who may call, and what for.' },
  {
    name: 'callbacks',
    description:
      'Where compilers and checks answer that were asked. The address itself is the permission: keep it secret.',
  },
  {
    name: 'hooks',
    description: 'What is published when somebody pushes, and where providers deliver their pushes.',
  },
  { name: 'process', description: 'The process itself.' },
];

/** The OpenAPI 3.1 document of those endpoints, made of the very schemas that check requests. */
export function openApiDocument(endpoints: readonly Endpoint[]): object {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of this installation.',
  });
  for (const endpoint of endpoints) registry.registerPath(routeOf(endpoint));
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info,
    tags,
    servers: [{ url: '/', description: 'Where this document is served.' }],
  });
}

function routeOf(endpoint: Endpoint): RouteConfig {
  const {
    method,
    path,
    operationId,
    summary,
    description,
    tags: own,
    responses,
    params,
    query,
    headers,
    body,
    ownBody,
    may,
  } = endpoint;
  const request = {
    params: unlessEmpty(params),
    query: unlessEmpty(query),
    headers: unlessEmpty(headers),
    body: ownBody ?? (body === null ? undefined : jsonBody(body)),
  };
  const defined = Object.fromEntries(Object.entries(request).filter(([, part]) => part !== undefined));
  return {
    method,
    path: documentPath(path),
    operationId,
    summary,
    description,
    tags: own,
    security: may === null ? [] : [{ token: [] }],
    request: defined,
    responses: { ...responses, ...problemResponses(problemsOf(endpoint)) },
  };
}

function unlessEmpty(schema: z.ZodObject): z.ZodObject | undefined {
  return Object.keys(schema.shape).length > 0 ? schema : undefined;
}

function jsonBody(schema: NonNullable<Endpoint['body']>) {
  return { required: !schema.safeParse(undefined).success, content: { 'application/json': { schema } } };
}

/** What can befall the request of an endpoint: its own problems, and those of everything that is checked before it. */
function problemsOf({ may, body, ownBody, headers, problems }: Endpoint): ErrorCode[] {
  const readsBody = body !== null || ownBody !== null;
  const checked: ErrorCode[] = ['invalid_request', 'internal'];
  if (may !== null) checked.push('unauthenticated', 'forbidden', 'unavailable');
  if (readsBody) checked.push('too_slow', 'too_large', 'unsupported_media_type');
  if (readsBody || Object.keys(headers.shape).length > 0) checked.push('malformed');
  return [...new Set([...checked, ...problems])];
}

function problemResponses(codes: readonly ErrorCode[]): RouteConfig['responses'] {
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  const sorted = [...byStatus].toSorted(([a], [b]) => a - b);
  return Object.fromEntries(sorted.map(([status, those]) => [String(status), problemDocs(those)]));
}

/** What is answered with `Retry-After`. */
const RETRIED: readonly ErrorCode[] = ['busy', 'unavailable', 'quota_exceeded'];

function problemDocs(codes: readonly ErrorCode[]) {
  const retries = codes.some((code) => RETRIED.includes(code));
  const retryAfter = {
    'Retry-After': {
      description: 'Seconds to wait before asking again.',
      schema: { type: 'integer' as const },
    },
  };
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(' '),
    headers: { ...headerDocs(), ...(retries ? retryAfter : {}) },
    content: {
      'application/problem+json': {
        schema: Problem,
        examples: Object.fromEntries(
          codes.map((code) => [code, { summary: ERRORS[code].title, value: problemExample(code) }]),
        ),
      },
    },
  };
}

function problemExample(code: ErrorCode) {
  const { title, status } = ERRORS[code];
  return {
    type: `urn:pointsman:problem:${code}`,
    title,
    status,
    detail: `${title}.`,
    code,
    instance: '/v1/tenants/acme',
    requestId: '4f0c4a4e-61f0-4d33-8a53-0a7a4dd8a0c5',
  };
}
