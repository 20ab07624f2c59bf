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

/** The client for the single writer of a sink. A call waits while the writer delivers. */
export interface SinkObject {
  control(request: ControlRequest): Promise<ControlResult>;
  /** Sends one event. The writer runs it at most once per key of the tenant within a day, see {@link callOptions}. */
  send(request: SendRequest, idempotencyKey: string): Promise<SendResult>;
}

/** Returns the client for the writer of a sink, for one request. */
export type SinkObjects = (id: SinkId, ids: RequestIds) => SinkObject;

/** The calls of the client throw like {@link orUnavailable}. */
export function sinkObjects(ingress: Ingress): SinkObjects {
  return (id, ids) => {
    const object = ingress.client(Sink, sinkKey(id));
    return {
      control: (request) =>
        orUnavailable(object.control(request, callOptions<ControlRequest, ControlResult>(ids))),
      send(request, idempotencyKey) {
        // One writer serves many tenants, so the tenant is part of the key.
        const ownKey = digestOf(`${id.tenant} ${idempotencyKey}`);
        return orUnavailable(object.send(request, callOptions<SendRequest, SendResult>(ids, ownKey)));
      },
    };
  };
}
