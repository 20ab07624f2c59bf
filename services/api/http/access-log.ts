import type { Logger } from 'pino';

import type { Principal } from '../access/access.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { asPointsmanError } from '../responses/problem.ts';
import type { RequestIds } from '../requests/request-ids.ts';
import { shownPath } from './shown-path.ts';

/**
 * Responses may contain tenants' content, although they come from the API's own origin. These headers prevent a browser from guessing the
 * type of the content, executing it, framing it, or sending its URL to other sites.
 */
const ALWAYS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

export function alwaysHeaders(ids: RequestIds, draining: AbortSignal): Record<string, string> {
  const headers = { ...ALWAYS, 'x-request-id': ids.requestId, traceparent: ids.traceparent };
  return draining.aborted ? { ...headers, connection: 'close' } : headers;
}

/** Describes one request at the time when its response begins. */
export interface ServedRequest {
  readonly ids: RequestIds;
  readonly method: string;
  /** The path template of the matched route; `none` if no route matched. */
  readonly route: string;
  readonly status: number;
  /** The value of `performance.now()` when the request arrived. */
  readonly startedAt: number;
  readonly principal: Principal | null;
  /** The path parameters as the client sent them. They have not been validated. */
  readonly params: Readonly<Record<string, string | undefined>>;
  /** The correlation ID of the release that the request concerns; null if it concerns no release. */
  readonly correlationId: string | null;
  /** The error because of which the request was refused or failed. */
  readonly failure?: unknown;
}

/** Counts the request in the metrics and writes it to the access log. */
export function recordRequest(
  { metrics, log }: { metrics: Metrics; log: Logger },
  answered: ServedRequest,
): void {
  const { ids, route, status, params, principal, correlationId, failure } = answered;
  const method = METHODS.has(answered.method) ? answered.method : 'OTHER';
  const ms = performance.now() - answered.startedAt;
  metrics.observe({ method, route, status, seconds: ms / 1_000 });
  const line = {
    requestId: ids.requestId,
    trace: ids.traceparent.slice(3, 35),
    method,
    route,
    status,
    ms: Math.round(ms),
    by: principal?.name,
    tenant: shown(params['tenant']),
    bundle: shown(params['bundle']),
    channel: shown(params['channel']),
    correlationId: correlationId ?? undefined,
  };
  const known = failure === undefined ? undefined : asPointsmanError(failure);
  if (known === undefined) log.info(line, 'answered');
  else if (status >= 500) log.error({ ...line, code: known.code, err: known.cause ?? known }, 'failed');
  else log.info({ ...line, code: known.code, detail: known.message }, 'refused');
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);

function shown(name: string | undefined): string | undefined {
  return name === undefined ? undefined : shownPath(name);
}
