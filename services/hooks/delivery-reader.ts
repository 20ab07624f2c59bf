import type { Logger } from 'pino';

import { type ReadingThread, startReadingThread, threadFile } from '../source-archive/reading-thread.ts';
import type { DeliveryTask, JudgedDelivery } from './delivery-thread.ts';
import { deliveryReaderLimits } from './limits.ts';

/**
 * Reads the payloads of deliveries in a thread of its own, with a bound on memory and time. Whoever holds the secret of one tenant's hook
 * writes them, and the API's event loop belongs to all tenants.
 */
export type DeliveryReader = ReadingThread<DeliveryTask, JudgedDelivery>;

export function startDeliveryReader(log: Pick<Logger, 'error'>): DeliveryReader {
  return startReadingThread(
    threadFile('delivery-thread', import.meta.url),
    deliveryReaderLimits,
    log,
    'payload',
  );
}
