import type { Ingress } from '@restatedev/restate-sdk-clients';

import { digestOf } from '@pointsman/protocol/digest';
import { type SinkId, sinkKey } from '@pointsman/protocol/sinks/sink';
import {
  type SendResult,
  type SendRequest,
  Sink,
  type ControlResult,
  type ControlRequest,
} from '../../../handlers/contract/sink.ts';
import { callOptions, orUnavailable } from '../ingress.ts';
import type { RequestIds } from '../requests/request-ids.ts';

/** The client for the single writer of a sink, which is a Restate object. A call waits while the writer is delivering moves. */
export interface SinkObject {
  control(request: ControlRequest): Promise<ControlResult>;
  /**
   * Sends one event to the sink. Repeated calls with the same tenant and idempotency key within a day send the event only once, see
   * {@link callOptions}.
   */
  send(request: SendRequest, idempotencyKey: string): Promise<SendResult>;
}

/** Returns the client for the writer of a sink, for use in one request. */
export type SinkObjects = (id: SinkId, ids: RequestIds) => SinkObject;

/** Creates the clients. Their calls throw in the same cases as {@link orUnavailable}. */
export function sinkObjects(ingress: Ingress): SinkObjects {
  return (id, ids) => {
    const object = ingress.client(Sink, sinkKey(id));
    return {
      control: (request) =>
        orUnavailable(object.control(request, callOptions<ControlRequest, ControlResult>(ids))),
      send(request, idempotencyKey) {
        // One writer serves many tenants. Its idempotency key contains the tenant, so that equal keys of two tenants do not collide.
        const ownKey = digestOf(`${id.tenant} ${idempotencyKey}`);
        return orUnavailable(object.send(request, callOptions<SendRequest, SendResult>(ids, ownKey)));
      },
    };
  };
}
