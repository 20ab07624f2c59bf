import { CancelledError } from '@restatedev/restate-sdk';

import { tenantLimits } from '../../core/limits/limits.ts';

/**
 * Runs a step to completion even if its invocation is cancelled, once or several times. A cancellation throws
 * at the next await, while the step's closure is still running. This function then starts the step again, so
 * the step must be idempotent. Used for the swap, the undo and the settlement, where a partial run would
 * leave the durable state and the database inconsistent.
 * @throws CancelledError after `tenantLimits.ignoredCancels` cancellations, because so many must be
 * deliberate
 */
export async function ignoringCancellation<T>(step: () => PromiseLike<T>): Promise<T> {
  for (let ignored = 0; ; ignored++) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof CancelledError) || ignored >= tenantLimits.ignoredCancels) throw error;
    }
  }
}
