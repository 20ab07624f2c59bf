import { connect, HttpCallError, type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import { randomUUID } from 'node:crypto';

import { PointsmanError } from '@pointsman/protocol/errors';
import { httpLimits } from '../../core/limits/limits.ts';
import { ingressRetry } from './limits.ts';
import type { RequestIds } from './requests/request-ids.ts';

/** The client for Restate's ingress. Retries lost connections for {@link httpLimits.ingressTimeoutMs}. */
export function connectIngress(url: string): Ingress {
  return connect({ url, retry: { ...ingressRetry, maxDuration: httpLimits.ingressTimeoutMs } });
}

/**
 * The options of one call, on behalf of one request. Each call has its own key at this hop: Restate runs the handler once, however often a
 * lost connection is retried. The client's Idempotency-Key is not passed to Restate, because only the record compares requests under it.
 * Where the record has compared, a key derived from it makes Restate return the same response for a day.
 */
export function callOptions<I, O>(
  { requestId, traceparent, tracestate }: RequestIds,
  idempotencyKey: string = randomUUID(),
) {
  return rpc.opts<I, O>({
    idempotencyKey,
    signal: AbortSignal.timeout(httpLimits.ingressTimeoutMs),
    headers: { 'x-request-id': requestId, traceparent, ...(tracestate === null ? {} : { tracestate }) },
  });
}

/**
 * The response of a call. Throws `unavailable` when Restate or the store behind it does not respond within {@link
 * httpLimits.ingressTimeoutMs}; it is then unknown what was done.
 */
export async function orUnavailable<T>(call: PromiseLike<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (cause instanceof HttpCallError && cause.status === 429) {
      throw new PointsmanError('busy', 'The control plane is overloaded. Retry in a moment.', {
        cause,
      });
    }
    if (cause instanceof HttpCallError && DEFECTS.has(cause.status)) throw cause;
    throw new PointsmanError('unavailable', UNKNOWN_OUTCOME, { cause });
  }
}

/** Handlers return refusals as values. So a 400 is a mismatch between this process and them, and a 501 a defect of a handler. */
const DEFECTS: ReadonlySet<number> = new Set([400, 501]);

const UNKNOWN_OUTCOME =
  'The control plane did not respond. It is not known whether the request was carried out. Retry with the same Idempotency-Key.';
