import type { Logger } from 'pino';

import { type ReadingThread, startReadingThread, threadFile } from '../source-archive/reading-thread.ts';
import type { DeliveryTask, ClassifiedDelivery } from './delivery-thread.ts';
import { deliveryReaderLimits } from './limits.ts';

/**
 * Parses the payloads of hook deliveries in a separate thread with limits on memory and time. Anyone who has the
 * secret of a tenant's hook can send a payload. Parsing it on the API's event loop could slow down all tenants.
 */
export type DeliveryReader = ReadingThread<DeliveryTask, ClassifiedDelivery>;

export function startDeliveryReader(log: Pick<Logger, 'error'>): DeliveryReader {
  return startReadingThread(
    threadFile('delivery-thread', import.meta.url),
    deliveryReaderLimits,
    log,
    'payload',
  );
}
