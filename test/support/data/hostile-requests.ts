import { z } from 'zod';

import { HOSTILE_TEXTS, hostileCursors, hostileDocuments } from './hostile-values.ts';

const Parameter = z.object({ name: z.string(), in: z.enum(['path', 'query', 'header']) });
const Operation = z.object({
  operationId: z.string(),
  parameters: z.array(Parameter).default([]),
  requestBody: z.unknown().optional(),
});
export type Operation = z.infer<typeof Operation> & { readonly method: string; readonly path: string };

/** Every method that OpenAPI 3.1 defines. */
const METHODS = ['get', 'head', 'options', 'trace', 'post', 'put', 'patch', 'delete'] as const;
const Document = z.object({
  paths: z.record(
    z.string(),
    z.object(Object.fromEntries(METHODS.map((one) => [one, Operation.optional()]))),
  ),
});

/** A request that is valid except for one value. */
export interface HostileRequest {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** The location of the hostile value in the request. */
  readonly at: string;
}

/** The values of valid requests: names of existing resources, and a body for each operation that requires one. */
export interface RightValues {
  readonly parameters: Readonly<Record<string, string>>;
  readonly bodies: Readonly<Record<string, unknown>>;
}

/** Lists every operation of an OpenAPI document. Operations that delete a resource come last. */
export function operationsOf(document: unknown): Operation[] {
  const { paths } = Document.parse(document);
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    METHODS.flatMap((method) => {
      const operation = methods[method];
      return operation === undefined ? [] : [{ ...operation, method: method.toUpperCase(), path }];
    }),
  );
  return all.toSorted((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'));
}

/** Creates requests to every operation of the document, each with one hostile value in one location: path, query, header or body. */
export function* hostileRequests(document: unknown, right: RightValues): Generator<HostileRequest> {
  for (const operation of operationsOf(document)) {
    for (const parameter of operation.parameters) {
      for (const value of parameter.name === 'cursor' ? hostileCursors() : HOSTILE_TEXTS)
        if (isSendable(parameter, value)) yield requestOf(operation, right, { parameter, value });
    }
    const body = right.bodies[operation.operationId];
    if (operation.requestBody === undefined || body === undefined) continue;
    for (const json of hostileDocuments(body)) yield requestOf(operation, right, { json });
  }
}

/** Creates requests to every operation that has path parameters. Each request uses one of those names as the value of one parameter. */
export function* requestsNaming(
  document: unknown,
  right: RightValues,
  names: readonly string[],
): Generator<HostileRequest> {
  for (const operation of operationsOf(document)) {
    for (const parameter of operation.parameters.filter(({ in: place }) => place === 'path'))
      for (const value of names) yield requestOf(operation, right, { parameter, value });
  }
}

/** Whether a client can send the value: clients can't send some characters in a header, or an empty segment of a path. */
function isSendable({ in: place }: z.infer<typeof Parameter>, value: string): boolean {
  if (place === 'path') return value !== '';
  return place === 'query' || /^[\x20-\x7e]*$/.test(value);
}

interface Hostile {
  readonly parameter?: z.infer<typeof Parameter>;
  readonly value?: string;
  readonly json?: string;
}

function requestOf(
  { operationId, method, path, requestBody }: Operation,
  { parameters, bodies }: RightValues,
  { parameter, value = '', json }: Hostile,
): HostileRequest {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
    encoded(parameter?.in === 'path' && parameter.name === name ? value : (parameters[name] ?? 'missing')),
  );
  const query = parameter?.in === 'query' ? `?${parameter.name}=${encoded(value)}` : '';
  const body = json ?? (requestBody === undefined ? null : JSON.stringify(bodies[operationId] ?? {}));
  return {
    operationId,
    method,
    path: filled + query,
    headers: {
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...(parameter?.in === 'header' ? { [parameter.name]: value } : {}),
    },
    body,
    at: parameter === undefined ? 'body' : `${parameter.in} ${parameter.name}`,
  };
}

/** Percent-encodes a text. An unpaired surrogate becomes the three bytes that UTF-8 would have for it. */
function encoded(text: string): string {
  return Array.from(text, (character) =>
    character.isWellFormed() ? encodeURIComponent(character) : '%ED%A0%80',
  ).join('');
}
