import { connect, HttpCallError, type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import { randomUUID } from 'node:crypto';

import { PointsmanError } from '@pointsman/protocol/errors';
import { httpLimits } from '../../core/limits/limits.ts';
import { ingressRetry } from './limits.ts';
import type { RequestIds } from './requests/request-ids.ts';

/** Creates the client for Restate's ingress. It retries lost connections for {@link httpLimits.ingressTimeoutMs}. */
export function connectIngress(url: string): Ingress {
  return connect({ url, retry: { ...ingressRetry, maxDuration: httpLimits.ingressTimeoutMs } });
}

/**
 * The options of one call to Restate, made for one request. Each call has its own idempotency key, so Restate runs the
 * handler once even if a lost connection is retried several times. The client's Idempotency-Key is not passed to
 * Restate, because only the database can compare the requests under it. After that comparison, a key derived from it
 * makes Restate return the same response for a day.
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
 * Waits for the response to a call. Throws `unavailable` when Restate or the database behind it does not respond within
 * {@link httpLimits.ingressTimeoutMs}. It is then unknown whether the call had an effect.
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

/**
 * Handlers return refusals as values. A 400 therefore means that this process and the handlers disagree on the format,
 * and a 501 means that a handler is defective.
 */
const DEFECTS: ReadonlySet<number> = new Set([400, 501]);

const UNKNOWN_OUTCOME =
  'The control plane did not respond. It is not known whether the request was carried out. Retry with the same Idempotency-Key.';
