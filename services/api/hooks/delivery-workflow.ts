import { type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import type { Logger } from 'pino';

import { type DeliveryName, deliveryCorrelationId, deliveryKey } from '@pointsman/protocol/hook';
import { HookDelivery } from '../../../handlers/contract/hooks.ts';
import { deliveryLimits } from '../../hooks/limits.ts';
import type { RequestIds } from '../requests/request-ids.ts';

/** The client for the Restate workflows that process hook deliveries. */
export interface DeliveryWorkflows {
  /**
   * Starts the workflow of a recorded hook delivery. Idempotent. Never throws: if the call fails, the worker's periodic sweep starts the
   * workflow within seconds. An error response to the provider would be worse, because some providers do not redeliver.
   */
  start(name: DeliveryName, ids: RequestIds, log: Logger): Promise<void>;
}

export function deliveryWorkflows(ingress: Ingress): DeliveryWorkflows {
  return {
    async start(name, ids, log) {
      const { requestId, traceparent } = ids;
      const options = rpc.sendOpts<null>({
        signal: AbortSignal.timeout(deliveryLimits.startMs),
        headers: { 'x-request-id': requestId, traceparent },
      });
      try {
        await ingress.sendClient(HookDelivery, deliveryKey(name)).run(null, options);
      } catch (error) {
        log.warn(
          { correlationId: deliveryCorrelationId(name), err: error },
          'could not start the workflow of a delivery; the sweep will start it',
        );
      }
    },
  };
}
