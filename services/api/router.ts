import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { Logger } from 'pino';

import { PointsmanError } from '../../core/errors.ts';
import { correlationId, parseReleaseKey } from '../../core/identifiers.ts';
import { authorise, type Principal } from './access.ts';
import { type Endpoint, routerPath } from './endpoint.ts';
import type { Metrics } from './metrics.ts';
import { asPointsmanError, problemResponse } from './problem.ts';
import { requestIds, type RequestIds } from './request-ids.ts';
import { readInput } from './request-input.ts';
import { shownPath } from './shown-path.ts';

/** What every request is served with. */
export interface RouterOptions {
  /** Who sent that `Authorization` header; throws `unauthenticated`. */
  readonly authenticate: (authorization: string | null) => Promise<Principal>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly draining: AbortSignal;
}

/** Of one request, beside what its endpoint sees. */
interface Known {
  ids: RequestIds;
  /** As it is defined, for logs and metrics. */
  route: string;
  principal: Principal | null;
  /** Of the release that it is about, once that is known. */
  correlationId: string | null;
}

interface Env {
  Variables: Known;
}

/** The routes of those endpoints; everything else gets 404, or 405 where another method would be right. */
export function router(endpoints: readonly Endpoint[], options: RouterOptions): Hono<Env> {
  const app = new Hono<Env>();
  app.use(observe(options));
  for (const [path, those] of Map.groupBy(endpoints, ({ path: own }) => own)) {
    for (const one of those)
      app.on(one.method.toUpperCase(), routerPath(path), (c) => serve(one, c, options));
    app.all(routerPath(path), (c) => refuseMethod(path, those, c));
  }
  app.notFound((c) =>
    problem(new PointsmanError('not_found', `There is nothing at ${shownPath(c.req.path)}.`), c),
  );
  app.onError((error, c) => problem(error, c));
  return app;
}

async function serve(
  endpoint: Endpoint,
  c: Context<Env>,
  { authenticate, log }: RouterOptions,
): Promise<Response> {
  c.set('route', endpoint.path);
  const params = c.req.param();
  c.set('correlationId', namedInPath(params));
  const ids = c.get('ids');
  let principal: Principal | null = null;
  if (endpoint.may !== null) {
    principal = await authenticate(c.req.raw.headers.get('authorization'));
    c.set('principal', principal);
    authorise(
      principal,
      endpoint.may,
      endpoint.whose === 'caller' ? principal.tenant : (params['tenant'] ?? null),
    );
  }
  const input = await readInput(endpoint, c.req.raw, params);
  return endpoint.handle({
    ...input,
    principal,
    ids,
    // Most have nothing to say beside the line about the answer.
    get log() {
      return log.child({ requestId: ids.requestId });
    },
    about: (release) => c.set('correlationId', correlationId(release)),
    request: c.req.raw,
  });
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
    new PointsmanError('method_not_allowed', `Take ${allow.join(', ')}.`, { details: { allow } }),
    c,
  );
}

function problem(error: unknown, c: Context<Env>): Response {
  return problemResponse(error, { requestId: c.get('ids').requestId, instance: shownPath(c.req.path) });
}

/** Sees to what is true of every answer, and to what is known of it afterwards. */
function observe({ metrics, log, draining }: RouterOptions): MiddlewareHandler<Env> {
  return async (c, next) => {
    const startedAt = performance.now();
    const ids = requestIds(c.req.raw.headers);
    c.set('ids', ids);
    c.set('route', 'none');
    c.set('principal', null);
    c.set('correlationId', null);
    await next();
    const { headers, status } = c.res;
    const release = c.get('correlationId');
    if (release !== null && status < 400) headers.set('pointsman-correlation-id', release);
    for (const [name, value] of Object.entries(ALWAYS)) headers.set(name, value);
    headers.set('x-request-id', ids.requestId);
    headers.set('traceparent', ids.traceparent);
    if (draining.aborted) headers.set('connection', 'close');
    const method = METHODS.has(c.req.method) ? c.req.method : 'OTHER';
    const seconds = (performance.now() - startedAt) / 1_000;
    metrics.observe({ method, route: c.get('route'), status, seconds });
    logRequest(log, c, { method, status, seconds });
  };
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);

/**
 * Whatever a tenant stored is served under our name: no browser may guess its type, run it, frame it, or send its address elsewhere.
 */
const ALWAYS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

function logRequest(
  log: Logger,
  c: Context<Env>,
  { method, status, seconds }: { method: string; status: number; seconds: number },
): void {
  const { requestId, traceparent } = c.get('ids');
  // As they were asked for, which need not be names.
  const params: Record<string, string | undefined> = c.req.param();
  const [tenant, bundle, channel] = ['tenant', 'bundle', 'channel'].map((name) => {
    const value = params[name];
    return value === undefined ? undefined : shownPath(value);
  });
  const line = {
    requestId,
    trace: traceparent.slice(3, 35),
    method,
    route: c.get('route'),
    status,
    ms: Math.round(seconds * 1_000),
    by: c.get('principal')?.name,
    tenant,
    bundle,
    channel,
    correlationId: c.get('correlationId') ?? undefined,
  };
  const known = c.error === undefined ? undefined : asPointsmanError(c.error);
  if (known === undefined) log.info(line, 'answered');
  else if (status >= 500) log.error({ ...line, code: known.code, err: known.cause ?? known }, 'failed');
  else log.info({ ...line, code: known.code, detail: known.message }, 'refused');
}
