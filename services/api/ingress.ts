import { connect, HttpCallError, type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import { randomUUID } from 'node:crypto';

import { PointsmanError } from '../../core/errors.ts';
import { httpLimits } from '../../core/limits/limits.ts';
import { ingressRetry } from './limits.ts';
import type { RequestIds } from './requests/request-ids.ts';

/** The way to what is durable. Lost connections are tried again while {@link httpLimits.ingressTimeoutMs} lasts. */
export function connectIngress(url: string): Ingress {
  return connect({ url, retry: { ...ingressRetry, maxDuration: httpLimits.ingressTimeoutMs } });
}

/**
 * Of one call, on behalf of one request. It travels under a key of this hop's own: Restate runs the handler once for it, however often a
 * lost connection is tried again. The client's Idempotency-Key is none of Restate's business, since only the record compares what was
 * asked under it; where it has compared, a key made of that one has Restate answer alike for a day.
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
 * The answer of a call. Throws `unavailable` when Restate or the store behind it does not answer in
 * {@link httpLimits.ingressTimeoutMs}; nothing is known then of what was done.
 */
export async function orUnavailable<T>(call: PromiseLike<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (cause instanceof HttpCallError && cause.status === 429) {
      throw new PointsmanError('busy', 'The control plane has too much to do; ask again in a moment.', {
        cause,
      });
    }
    if (cause instanceof HttpCallError && DEFECTS.has(cause.status)) throw cause;
    throw new PointsmanError('unavailable', UNKNOWN_OUTCOME, { cause });
  }
}

/** What the handlers refuse they answer as a value: a 400 is a mistake between this process and them, a 501 a defect of theirs. */
const DEFECTS: ReadonlySet<number> = new Set([400, 501]);

const UNKNOWN_OUTCOME =
  'The control plane did not answer. It is not known whether the request was carried out: send it again with the same Idempotency-Key.';
