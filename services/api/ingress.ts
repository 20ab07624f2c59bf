import { connect, HttpCallError, type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import { randomUUID } from 'node:crypto';

import { PointsmanError } from '@pointsman/protocol/errors';
import { httpLimits } from '../../core/limits/limits.ts';
import { ingressFetch } from '../restate/ingress-fetch.ts';
import { ingressRetry } from './limits.ts';
import type { RequestIds } from './requests/request-ids.ts';

/** Creates the client for Restate's ingress. It retries lost connections for at most {@link httpLimits.ingressTimeoutMs}. */
export function connectIngress(url: string): Ingress {
  return connect({
    url,
    fetch: ingressFetch,
    retry: { ...ingressRetry, maxDuration: httpLimits.ingressTimeoutMs },
  });
}

/**
 * Returns the options of one call to Restate on behalf of one request. Each call has its own idempotency key, so Restate runs the handler
 * once, even if a lost connection is retried several times.
 *
 * The client's Idempotency-Key is not passed to Restate, because only the database can detect that the key was used for a different
 * request. After that check, a call may pass a key that is derived from the client's key. Restate then returns the same response for a day.
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
 * Waits for the response to a call. Throws `unavailable` if Restate or the database does not respond within
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
 * The HTTP statuses of Restate that indicate a defect. Handlers return refusals as values, so a 400 means that the API and the handler
 * disagree on the format of the call. A 501 means that the handler itself is defective.
 */
const DEFECTS: ReadonlySet<number> = new Set([400, 501]);

const UNKNOWN_OUTCOME =
  'The control plane did not respond. It is not known whether the request was carried out. Retry with the same Idempotency-Key.';
