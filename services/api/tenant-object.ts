import type { Ingress } from '@restatedev/restate-sdk-clients';

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
import { callOptions, orUnavailable } from './ingress.ts';
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

/** Calls throw as {@link orUnavailable} does. */
export function tenantObjects(ingress: Ingress): TenantObjects {
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
