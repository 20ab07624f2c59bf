import { CancelledError } from '@restatedev/restate-sdk';

import { tenantLimits } from '../../core/limits/limits.ts';

/**
 * Runs a step to completion even if its invocation is cancelled, once or several times. A cancellation
 * surfaces at the next await, while the step's closure is still running. The step is then started again, so
 * it must be idempotent. Used where a partial run would leave the durable state and the record inconsistent:
 * the swap, the undo and the settlement.
 * @throws CancelledError after more cancellations than the limit, because so many are deliberate
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
