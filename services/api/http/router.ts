import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { Logger } from 'pino';

import { PointsmanError } from '@pointsman/protocol/errors';
import { correlationId, parseReleaseKey } from '@pointsman/protocol/identifiers';
import { paths } from '@pointsman/protocol/paths';
import { EVENT_STREAM_TYPE } from '@pointsman/protocol/stream-events';
import { authorise, type FindToken, type Principal } from '../access/access.ts';
import { alwaysHeaders, recordRequest } from './access-log.ts';
import type { Connection } from './connection.ts';
import { type Endpoint, routerPath } from './endpoint.ts';
import { responseLimits } from '../limits.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { problemResponse } from '../responses/problem.ts';
import { requestIds, type RequestIds } from '../requests/request-ids.ts';
import { readInput } from './request-input.ts';
import type { HolderPath, Shares } from '../access/shares.ts';
import { UnsentBuffers, type UnsentBytes } from '../access/unsent-bytes.ts';
import { shownPath } from './shown-path.ts';

export interface RouterOptions {
  /**
   * Authenticates a caller by the `Authorization` header. Throws `unauthenticated` if the token is missing or unknown. `find` replaces the
   * usual lookup of the token.
   */
  readonly authenticate: (authorization: string | null, find?: FindToken) => Promise<Principal>;
  readonly metrics: Metrics;
  /** Limits the memory that unsent responses of each tenant and token use, in bytes. */
  readonly responses: Shares;
  readonly log: Logger;
  readonly draining: AbortSignal;
}

/** The router's own state of one request. */
interface Known {
  ids: RequestIds;
  /** The path template of the matched route, for logs and metrics. */
  route: string;
  principal: Principal | null;
  /** The correlation ID of the release that the request concerns. Null until it is known. */
  correlationId: string | null;
  isStreamed: boolean;
}

interface Env {
  Bindings: Connection;
  Variables: Known;
}

/** Routes requests to the endpoints. A request that matches no endpoint gets 404, or 405 if its path exists for another method. */
export function router(endpoints: readonly Endpoint[], options: RouterOptions): Hono<Env> {
  const app = new Hono<Env>();
  app.use(observe(options));
  const unsent = new UnsentBuffers(options.responses);
  for (const [path, those] of Map.groupBy(endpoints, ({ path: own }) => own)) {
    for (const one of those)
      app.on(one.method.toUpperCase(), routerPath(path), (c) => serve(one, c, { ...options, unsent }));
    app.all(routerPath(path), (c) => refuseMethod(path, those, c));
  }
  app.notFound((c) =>
    problem(
      new PointsmanError(
        'not_found',
        `The path ${shownPath(c.req.path)} does not exist. See ${paths.openApi}.`,
      ),
      c,
    ),
  );
  app.onError((error, c) => problem(error, c));
  return app;
}

async function serve(
  endpoint: Endpoint,
  c: Context<Env>,
  { authenticate, responses, log, unsent }: RouterOptions & { unsent: UnsentBuffers },
): Promise<Response> {
  c.set('route', endpoint.path);
  c.set('isStreamed', endpoint.isStreamed);
  const params = c.req.param();
  c.set('correlationId', namedInPath(params));
  const ids = c.get('ids');
  let principal: Principal | null = null;
  const context = endpoint.context?.(c.req.raw, params) ?? null;
  if (endpoint.may !== null) {
    principal = await authenticate(c.req.raw.headers.get('authorization'), context?.find);
    c.set('principal', principal);
    authorise(
      principal,
      endpoint.may,
      endpoint.whose === 'caller' ? principal.tenant : (params['tenant'] ?? null),
    );
  }
  const input = await readInput(endpoint, c.req.raw, params);
  // Before a request changes anything, the caller's share of response memory must have room for the response. Callers without a token are
  // exempt. All of them behind one proxy have a common share, so one caller could block the others' changes. Their responses are short, so
  // they do not need the check.
  if (principal !== null && !isSafe(c))
    responses.requireRoom(holderOf(principal, c.env.source), responseLimits.changeBytes);
  return endpoint.handle({
    ...input,
    context,
    principal,
    ids,
    // The logger is created on first use, because most requests write only the access log line.
    get log() {
      return log.child({ requestId: ids.requestId });
    },
    about: (release) => c.set('correlationId', correlationId(release)),
    request: c.req.raw,
    get source() {
      return c.env.source;
    },
    occupy: (shares, amount) => occupy(shares, amount, c),
    countUnsent: () => countUnsent(unsent, c),
    onceSent: (end) => c.env.onceSent(end),
    get signal() {
      return c.env.signal;
    },
  });
}

/** Takes the amount from the caller's share of a resource until the response has been sent. Throws `busy` if the share is exhausted. */
function occupy(shares: Shares, amount: number, c: Context<Env>): void {
  const holding = shares.open(holderOf(c.get('principal'), c.env.source));
  holding.take(amount);
  c.env.onceSent(() => holding.release());
}

function countUnsent(buffers: UnsentBuffers, c: Context<Env>): UnsentBytes {
  const unsent = buffers.open(holderOf(c.get('principal'), c.env.source), c.env.unsent);
  c.env.onceSent(() => unsent.release());
  return unsent;
}

/**
 * Returns the holder whose share a request uses: its tenant and its token, because a caller cannot choose these freely. A request without a
 * token is identified by its source address. Tenant names contain no colon, so no tenant can be named `:anybody` or `:platform`.
 */
function holderOf(principal: Principal | null, source: string): HolderPath {
  return principal === null ? [':anybody', source] : [principal.tenant ?? ':platform', principal.id];
}

/** Whether the method of the request is safe, so that the request changes nothing (RFC 9110, section 9.2.1). */
function isSafe(c: Context<Env>): boolean {
  return c.req.method === 'GET' || c.req.method === 'HEAD';
}

/**
 * Counts the memory of a response until the client has received it. If the caller's share is exhausted, the response to a safe request is
 * replaced by a `busy` error. The response to any other request is never replaced: the change may have been made, and a retry would fail or
 * repeat it.
 */
function countResponse(responses: Shares, c: Context<Env>): void {
  const bytes = bytesInMemory(c);
  if (bytes <= responseLimits.uncountedBytes) return;
  if (!isSafe(c)) {
    const holding = responses.open(holderOf(c.get('principal'), c.env.source));
    holding.takeAnyway(bytes);
    c.env.onceSent(() => holding.release());
    return;
  }
  try {
    occupy(responses, bytes, c);
  } catch (error) {
    // Clear the old response first. Otherwise Hono would copy its headers to the new response.
    c.res = undefined;
    c.res = problem(error, c);
    c.error = error instanceof Error ? error : undefined;
  }
}

/**
 * The number of bytes of the response body in memory. It is 0 for a stream: its body is generated while it is sent, and the stream counts
 * its own bytes.
 */
function bytesInMemory(c: Context<Env>): number {
  const { body, headers } = c.res;
  if (body === null || c.req.method === 'HEAD' || c.get('isStreamed')) return 0;
  const declared = headers.get('content-length');
  if (declared !== null) return Number(declared);
  return headers.get('content-type') === EVENT_STREAM_TYPE ? 0 : responseLimits.undeclaredBytes;
}

function namedInPath({
  tenant,
  bundle,
  version,
}: Readonly<Record<string, string | undefined>>): string | null {
  const named = parseReleaseKey(`${tenant}/${bundle}/v${version}`);
  return named === null ? null : correlationId(named);
}

function refuseMethod(path: string, endpoints: readonly Endpoint[], c: Context<Env>): Response {
  c.set('route', path);
  const methods = endpoints.map(({ method }) => method.toUpperCase());
  const allow = methods.includes('GET') ? ['HEAD', ...methods] : methods;
  return problem(
    new PointsmanError('method_not_allowed', `The method is not allowed here. Use ${allow.join(', ')}.`, {
      details: { allow },
    }),
    c,
  );
}

function problem(error: unknown, c: Context<Env>): Response {
  return problemResponse(error, { requestId: c.get('ids').requestId, instance: shownPath(c.req.path) });
}

/** Sets the headers that every response has, then logs and counts the request. */
function observe({ metrics, responses, log, draining }: RouterOptions): MiddlewareHandler<Env> {
  return async (c, next) => {
    const startedAt = performance.now();
    const ids = requestIds(c.req.raw.headers);
    c.set('ids', ids);
    c.set('route', 'none');
    c.set('principal', null);
    c.set('correlationId', null);
    c.set('isStreamed', false);
    await next();
    countResponse(responses, c);
    const { headers, status } = c.res;
    const release = c.get('correlationId');
    if (release !== null && status < 400) headers.set('pointsman-correlation-id', release);
    for (const [name, value] of Object.entries(alwaysHeaders(ids, draining))) headers.set(name, value);
    recordRequest(
      { metrics, log },
      {
        ids,
        method: c.req.method,
        route: c.get('route'),
        status,
        startedAt,
        principal: c.get('principal'),
        params: c.req.param(),
        correlationId: release,
        failure: c.error,
      },
    );
  };
}
