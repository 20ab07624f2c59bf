import type { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { isReservedKey } from '@pointsman/protocol/idempotency-key';
import { requestLimits } from '@pointsman/protocol/limits';
import { httpLimits } from '../../../core/limits/limits.ts';
import { isStorableText } from '@pointsman/protocol/json/storable';
import { readBody } from '../requests/body.ts';
import type { Endpoint } from './endpoint.ts';
import { readJson } from '../requests/json-text.ts';
import type { RequestProblem } from '@pointsman/protocol/problem';
import { requestError } from '../responses/problem.ts';
import { bodyProblems, escaped, namedProblems } from '../requests/validate.ts';

export interface RequestInput {
  readonly params: unknown;
  readonly query: unknown;
  readonly headers: unknown;
  readonly body: unknown;
}

/**
 * Parses a request and checks it against the definition of its endpoint. Throws `malformed` if the request cannot be parsed. Throws
 * `invalid_request` with a list of all problems if it does not match the definition.
 */
export async function readInput(
  endpoint: Endpoint,
  request: Request,
  rawParams: Readonly<Record<string, string>>,
): Promise<RequestInput> {
  refuseReservedKey(endpoint, request.headers);
  const headers = readHeaders(endpoint.headers, request.headers);
  const params = endpoint.params.safeParse(rawParams);
  const raw = queryOf(new URL(request.url));
  const query = endpoint.query.safeParse(raw.values);
  const problems: RequestProblem[] = [
    ...(params.success ? [] : namedProblems('path', params)),
    ...(query.success ? unstorableIn(raw.values) : namedProblems('query', query)),
    ...raw.twice.map((name) => ({
      in: 'query' as const,
      name,
      message: 'this parameter occurs more than once',
    })),
  ];
  if (problems.length > 0) throw requestError('invalid_request', problems);
  const body = endpoint.body === null ? undefined : await readJsonBody(endpoint.body, request);
  return { params: params.data, query: query.data, headers, body };
}

/** Throws `invalid_request` if the Idempotency-Key has the prefix that is reserved for hook deliveries. */
function refuseReservedKey(endpoint: Endpoint, headers: Headers): void {
  const name = 'idempotency-key';
  const key = headers.get(name);
  if (key === null || !Object.hasOwn(endpoint.headers.shape, name) || !isReservedKey(key)) return;
  const message = 'must not begin with "hook/": this prefix is reserved for the deliveries of hooks';
  throw requestError('invalid_request', [{ in: 'header', name, message }]);
}

/**
 * Finds query parameters that the database cannot store because they contain NUL (sent as `%00`). Path parameters need no check, because
 * their formats already exclude NUL.
 */
function unstorableIn(query: Readonly<Record<string, string>>): RequestProblem[] {
  return Object.entries(query)
    .filter(([, value]) => !isStorableText(value))
    .map(([name]) => ({ in: 'query', name, message: NUL }));
}

const NUL = 'must not contain NUL (U+0000)';

/**
 * Returns the media type of a request body, without its parameters. Throws `unsupported_media_type` in three cases: the media type is not
 * accepted, the body has a content encoding, or its charset is not UTF-8.
 */
export function mediaTypeOf(request: Request, taken: readonly string[]): string {
  const [type = '', ...parameters] = (request.headers.get('content-type') ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  const isUtf8 = charset === undefined || charset.replaceAll('"', '') === 'utf-8';
  const encoding = request.headers.get('content-encoding');
  if (!taken.includes(type) || !isUtf8)
    throw unsupported(`Send the body as ${taken.join(' or ')}${isUtf8 ? '' : ', in UTF-8'}.`);
  if (encoding !== null && encoding !== 'identity')
    throw unsupported('Send the body without a Content-Encoding.');
  return type;
}

/** Returns the media type of content that is stored unchanged, with its parameters. The default is `application/octet-stream`. */
export function contentTypeOf(request: Request): string {
  const { headers } = request;
  const type = (headers.get('content-type') ?? 'application/octet-stream').trim();
  if (!MEDIA_TYPE.test(type))
    throw unsupported('The Content-Type is invalid. Send a media type such as application/octet-stream.');
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity')
    throw unsupported('Send the bytes without a Content-Encoding: the digest is of the sent bytes.');
  return type;
}

/** A media type (RFC 9110, section 8.3.1) without quoted parameters. Its maximum length is the length that an OCI descriptor allows. */
const MEDIA_TYPE = /^(?=.{3,255}$)[\w.+!#$&^-]+\/[\w.+!#$&^-]+(?:; ?[\w-]+=[\w.+-]+)*$/;

function unsupported(detail: string): PointsmanError {
  return new PointsmanError('unsupported_media_type', detail);
}

function readHeaders(schema: z.ZodObject, headers: Headers): unknown {
  const values: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = headers.get(name);
    if (value !== null) values[name] = value;
  }
  const parsed = schema.safeParse(values);
  if (!parsed.success) throw requestError('malformed', namedProblems('header', parsed));
  return parsed.data;
}

function queryOf(url: URL): { values: Record<string, string>; twice: string[] } {
  const values = new Map<string, string>();
  const twice = new Set<string>();
  for (const [name, value] of url.searchParams) {
    if (values.has(name)) twice.add(name);
    values.set(name, value);
  }
  return { values: Object.fromEntries(values), twice: [...twice] };
}

/** Reads a JSON body. Throws if the body exceeds the limit in bytes or does not match the schema. */
export async function readJsonBody<T>(
  schema: z.ZodType<T>,
  request: Request,
  limit: number = requestLimits.jsonBodyBytes,
): Promise<T> {
  const bytes = await readBody(request, limit);
  const leftOut = schema.safeParse(undefined);
  if (bytes.byteLength === 0 && leftOut.success) return leftOut.data;
  mediaTypeOf(request, ['application/json']);
  const json = readJson(bytes, httpLimits.jsonBodyValues);
  if (json.kind === 'malformed') throw requestError('malformed', json.errors);
  const pointer = unstorablePlace(json.value);
  if (pointer !== null) throw requestError('invalid_request', [{ in: 'body', pointer, message: NUL }]);
  const parsed = schema.safeParse(json.value);
  if (!parsed.success) throw requestError('invalid_request', bodyProblems(parsed));
  return parsed.data;
}

/**
 * Returns the JSON Pointer of the first string or key that contains NUL. Returns null if every string and key can be stored. I-JSON allows
 * NUL, but PostgreSQL cannot store it.
 */
function unstorablePlace(json: unknown): string | null {
  if (typeof json === 'string') return isStorableText(json) ? null : '';
  if (typeof json !== 'object' || json === null) return null;
  for (const [key, value] of Object.entries(json)) {
    const inside = isStorableText(key) ? unstorablePlace(value) : '';
    if (inside !== null) return `/${escaped(key)}${inside}`;
  }
  return null;
}
