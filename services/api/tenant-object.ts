import { connect, HttpCallError, rpc } from '@restatedev/restate-sdk-clients';
import { randomUUID } from 'node:crypto';

import { PointsmanError } from '../../core/errors.ts';
import { httpLimits } from '../../core/limits.ts';
import {
  type CancelAnswer,
  type CancelRequest,
  type HoldAnswer,
  type HoldRequest,
  type MoveAnswer,
  type MoveRequest,
  type PublishAnswer,
  type PublishRequest,
  Tenant,
} from '../../handlers/contract.ts';
import { ingressRetry } from './limits.ts';
import type { RequestIds } from './request-ids.ts';

/** The tenant's durable object, as this process calls it. Everything that changes a tenant goes through here. */
export interface TenantObject {
  publish(request: PublishRequest): Promise<PublishAnswer>;
  move(request: MoveRequest): Promise<MoveAnswer>;
  hold(request: HoldRequest): Promise<HoldAnswer>;
  cancel(request: CancelRequest): Promise<CancelAnswer>;
}

/** Gives the object of a tenant, on behalf of one request. */
export type TenantObjects = (tenant: string, ids: RequestIds) => TenantObject;

/**
 * Calls throw `unavailable` when Restate or the object's store does not answer in {@link httpLimits.ingressTimeoutMs}; nothing is
 * known then of what was done. Lost connections are tried again under a key of this hop's own: Restate runs the handler once for it.
 * The client's Idempotency-Key is none of Restate's business, since only the record compares what was asked under it.
 */
export function tenantObjects(ingressUrl: string): TenantObjects {
  const ingress = connect({
    url: ingressUrl,
    retry: { ...ingressRetry, maxDuration: httpLimits.ingressTimeoutMs },
  });
  return (tenant, ids) => {
    const object = ingress.client(Tenant, tenant);
    const options = <I, O>() => callOptions<I, O>(ids);
    return {
      publish: (request) => orUnavailable(object.publish(request, options())),
      move: (request) => orUnavailable(object.move(request, options())),
      hold: (request) => orUnavailable(object.hold(request, options())),
      cancel: (request) => orUnavailable(object.cancel(request, options())),
    };
  };
}

function callOptions<I, O>({ requestId, traceparent, tracestate }: RequestIds) {
  return rpc.opts<I, O>({
    idempotencyKey: randomUUID(),
    signal: AbortSignal.timeout(httpLimits.ingressTimeoutMs),
    headers: { 'x-request-id': requestId, traceparent, ...(tracestate === null ? {} : { tracestate }) },
  });
}

async function orUnavailable<T>(call: PromiseLike<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (cause instanceof HttpCallError && cause.status === 429) {
      throw new PointsmanError('busy', 'The control plane has too much to do; ask again in a moment.', {
        cause,
      });
    }
    // What the handlers refuse they answer as a value: a 400 is a mistake between this process and them.
    if (cause instanceof HttpCallError && cause.status === 400) throw cause;
    throw new PointsmanError('unavailable', UNKNOWN_OUTCOME, { cause });
  }
}

const UNKNOWN_OUTCOME =
  'The control plane did not answer. It is not known whether the request was carried out: send it again with the same Idempotency-Key.';
