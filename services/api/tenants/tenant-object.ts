import type { Ingress } from '@restatedev/restate-sdk-clients';

import {
  type CancelResult,
  type CancelRequest,
  type HoldResult,
  type HoldRequest,
  type MoveResult,
  type MoveRequest,
  type PublishResult,
  type PublishRequest,
  type ReconcileRequest,
  Tenant,
} from '../../../handlers/contract/tenant.ts';
import { httpLimits } from '../../../core/limits/limits.ts';
import { type SinkId, sinkKey } from '@pointsman/protocol/sinks/sink';
import { type DownSink, Sink } from '../../../handlers/contract/sink.ts';
import { callOptions, orUnavailable } from '../ingress.ts';
import type { RequestIds } from '../requests/request-ids.ts';
import { AdmissionLines } from './admission-lines.ts';

/** The client for the durable object of a tenant. The object makes every change to the tenant. */
export interface TenantObject {
  /**
   * Has a release admitted. If the response does not arrive in time, nothing is admitted later.
   * @param databaseNow returns the time of the database's clock, in epoch milliseconds
   */
  publish(request: PublishRequest, databaseNow: () => number): Promise<PublishResult>;
  /** Moves a pointer. If required sinks are down, has their health checked, and then tries the move again. */
  move(request: MoveRequest): Promise<MoveResult>;
  hold(request: HoldRequest): Promise<HoldResult>;
  cancel(request: CancelRequest): Promise<CancelResult>;
  /** Settles a release whose workflow no longer runs. */
  reconcile(request: ReconcileRequest): Promise<void>;
}

/** Returns the client for the object of a tenant, for use in one request. */
export type TenantObjects = (tenant: string, ids: RequestIds) => TenantObject;

/**
 * Creates the clients. Their calls throw in the same cases as {@link orUnavailable}. A publish throws `busy` if too many other publishes of
 * the tenant are waiting.
 */
export function tenantObjects(ingress: Ingress): TenantObjects {
  const admissions = new AdmissionLines();
  return (tenant, ids) => {
    const object = ingress.client(Tenant, tenant);
    const options = <I, O>() => callOptions<I, O>(ids);
    const move = (request: MoveRequest) => orUnavailable(object.move(request, options()));
    const check = (sink: string) =>
      orUnavailable(
        ingress
          .client(Sink, sinkKey({ tenant, sink }))
          .checkHealth({ tenant, sink }, callOptions<SinkId, DownSink[]>(ids)),
      );
    return {
      publish: (request, databaseNow) =>
        admissions.run(tenant, () => {
          const admitBefore = databaseNow() + httpLimits.ingressTimeoutMs;
          return orUnavailable(object.publish({ ...request, admitBefore }, options()));
        }),
      async move(request) {
        const answer = await move(request);
        if (answer.kind !== 'sinks_down') return answer;
        await Promise.all(answer.sinks.map(({ sink }) => check(sink)));
        return move(request);
      },
      hold: (request) => orUnavailable(object.hold(request, options())),
      cancel: (request) => orUnavailable(object.cancel(request, options())),
      async reconcile(request) {
        await orUnavailable(object.reconcile(request, options()));
      },
    };
  };
}
