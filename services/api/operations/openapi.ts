import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { z } from 'zod';

import { ERRORS, type ErrorCode } from '@pointsman/protocol/errors';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { Problem, PROBLEM_MEDIA_TYPE, problemType } from '@pointsman/protocol/problem';
import { documentPath, type Endpoint } from '../http/endpoint.ts';
import { headerDocs } from '../responses/openapi-responses.ts';

const info = {
  title: 'Pointsman',
  version: '1',
  description:
    'Publishes the configuration that tenants run: checks it, compiles it, stores it, and moves the live pointer exactly once. Errors are problem documents (RFC 9457) with a stable `code`. Lists are pages of `items` with a cursor in `next`. Unknown fields and parameters are refused. HEAD works wherever GET does.',
  license: { name: 'MIT', identifier: 'MIT' },
};

const tags = [
  { name: 'tenants', description: 'The units of isolation.' },
  { name: 'bundles', description: 'The named sets of files that a tenant publishes.' },
  { name: 'releases', description: 'Numbered attempts to publish a source.' },
  {
    name: 'gates',
    description: 'Conditions that releases wait for, and the decisions of people and machines.',
  },
  { name: 'channels', description: 'Pointers: the live release, its history, and moves.' },
  {
    name: 'sinks',
    description: 'The destinations of moves, their progress, and their control.',
  },
  { name: 'followers', description: 'Runtimes, and what each of them runs.' },
  { name: 'policy', description: 'The gates that a publish must pass, and what happens on a conflict.' },
  { name: 'quotas', description: 'The limits of a tenant, and its usage.' },
  { name: 'content', description: 'Compiled content.' },
  { name: 'tokens', description: 'Access tokens and their roles.' },
  {
    name: 'callbacks',
    description:
      'The URLs at which external compilers and checks report their results. The URL itself is the credential: keep it secret.',
  },
  {
    name: 'hooks',
    description: 'Rules that publish on a push, and where providers deliver their pushes.',
  },
  { name: 'process', description: 'The process itself.' },
];

/** Generates the OpenAPI 3.1 document of the endpoints from the schemas that validate requests. */
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
    servers: [{ url: '/', description: 'The server that served this document.' }],
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

/** Returns the error codes that an endpoint can return: its own codes, and the codes of the checks that run before it. */
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

/** The error codes whose responses have a `Retry-After` header. */
const WITH_RETRY_AFTER: readonly ErrorCode[] = ['busy', 'unavailable', 'quota_exceeded'];

function problemDocs(codes: readonly ErrorCode[]) {
  const retries = codes.some((code) => WITH_RETRY_AFTER.includes(code));
  const retryAfter = {
    'Retry-After': {
      description: 'Seconds to wait before the next attempt.',
      schema: { type: 'integer' as const },
    },
  };
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(' '),
    headers: { ...headerDocs(), ...(retries ? retryAfter : {}) },
    content: {
      [PROBLEM_MEDIA_TYPE]: {
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
    type: problemType(code),
    title,
    status,
    detail: `${title}.`,
    code,
    instance: pathOf(paths.tenant, { tenant: 'acme' }),
    requestId: '4f0c4a4e-61f0-4d33-8a53-0a7a4dd8a0c5',
  };
}
