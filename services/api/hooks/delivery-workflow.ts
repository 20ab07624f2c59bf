import { type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import type { Logger } from 'pino';

import { type DeliveryName, deliveryCorrelationId, deliveryKey } from '../../../core/hook.ts';
import { HookDelivery } from '../../../handlers/contract/hooks.ts';
import { deliveryLimits } from '../../hooks/limits.ts';
import type { RequestIds } from '../requests/request-ids.ts';

/** The workflows of deliveries, as this process starts them. */
export interface DeliveryWorkflows {
  /**
   * Starts the workflow of a delivery that is on record; started twice, it runs once. Never throws: what does not start now is started by
   * the worker's sweep within seconds, and a provider that is told of an error does not always deliver again.
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
          'a delivery is left to the sweep',
        );
      }
    },
  };
}
