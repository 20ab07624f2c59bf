import type { IncomingMessage, ServerResponse } from 'node:http';

import { PointsmanError } from '@pointsman/protocol/errors';
import { paths } from '@pointsman/protocol/paths';
import type { PointerId } from '@pointsman/protocol/identifiers';
import { authorise, type Principal } from '../access/access.ts';
import { alwaysHeaders, recordRequest } from '../http/access-log.ts';
import type { ApiDeps } from '../dependencies.ts';
import { etagOf } from '@pointsman/protocol/entity-tag';
import { readPointerHeaders } from './pointer-view.ts';
import { requestIds, type RequestIds } from '../requests/request-ids.ts';
import { problemParts } from '../responses/problem.ts';
import type { EarlyResponder } from '../http/server.ts';

type Parts = Pick<ApiDeps, 'readPointer' | 'metrics' | 'log' | 'draining'> & {
  readonly authenticate: (authorization: string | null) => Promise<Principal>;
};

/** The pointer that a request asks for, and the entity tag that the caller sent. */
interface Question {
  readonly pointer: PointerId;
  readonly etag: string;
  readonly authorization: string;
}

/**
 * Responds with 304 to a request for a pointer that has not moved, before the router runs. Runtimes that poll without `wait` send such
 * requests constantly, and this path takes less than two thirds of the router's time. It checks the token, the role and the pointer as the
 * router does, and both rely on `headProblem`.
 *
 * It handles only the simplest form of the request. The router handles all other forms and sends all other responses, including refusals.
 * There is one exception: if the database does not respond, this path sends the error itself. Otherwise the router would wait for the
 * database a second time.
 */
export function notModified(parts: Parts): EarlyResponder {
  return (incoming, outgoing) => {
    const question = questionOf(incoming);
    return question === null ? null : answered(parts, question, incoming, outgoing);
  };
}

const PATH = new RegExp(`^${paths.channel.replaceAll(/\{\w+\}/g, '([a-z0-9-]{1,63})')}$`);
const ETAG = /^"(?:0|[1-9][0-9]{0,15})"$/;

function questionOf({ method, url = '', headers }: IncomingMessage): Question | null {
  const { authorization, accept, 'if-none-match': etag } = headers;
  if (method !== 'GET' || authorization === undefined || etag === undefined || !ETAG.test(etag)) return null;
  if (accept !== undefined && accept !== '*/*' && accept !== 'application/json') return null;
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return null;
  const [, tenant, bundle, channel] = PATH.exec(url) ?? [];
  if (tenant === undefined || bundle === undefined || channel === undefined) return null;
  return { pointer: { tenant, bundle, channel }, etag, authorization };
}

async function answered(
  parts: Parts,
  question: Question,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<boolean> {
  const { authenticate, readPointer } = parts;
  const { pointer: id, etag, authorization } = question;
  const startedAt = performance.now();
  let principal: Principal | null = null;
  const send = (reply: (ids: RequestIds) => Reply): true => {
    const ids = requestIds({ get: (name) => headerOf(incoming, name) });
    if (!outgoing.destroyed) answer(parts, outgoing, { id, ids, startedAt, principal, ...reply(ids) });
    return true;
  };
  try {
    principal = await authenticate(authorization);
    authorise(principal, 'read', id.tenant);
    const pointer = await readPointer(id);
    if (pointer === null || etagOf(pointer.generation) !== etag) return false;
    return send(() => ({ status: 304, headers: readPointerHeaders(pointer) }));
  } catch (failure) {
    // Leave the request to the router, which will refuse it and send the error.
    if (!(failure instanceof PointsmanError) || failure.code !== 'unavailable') return false;
    const instance = incoming.url ?? '';
    return send(({ requestId }) => ({ failure, ...problemParts(failure, { requestId, instance }) }));
  }
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly failure?: unknown;
}

function answer(
  { metrics, log, draining }: Parts,
  outgoing: ServerResponse,
  {
    id,
    status,
    headers,
    body,
    ...known
  }: Reply & { id: PointerId; ids: RequestIds; startedAt: number; principal: Principal | null },
): void {
  outgoing.writeHead(status, { ...headers, ...alwaysHeaders(known.ids, draining) }).end(body);
  const about = { method: 'GET', route: paths.channel, params: { ...id }, correlationId: null };
  recordRequest({ metrics, log }, { status, ...known, ...about });
}

function headerOf({ headers }: IncomingMessage, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
}
