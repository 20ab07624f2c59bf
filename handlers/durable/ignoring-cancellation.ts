import { CancelledError } from '@restatedev/restate-sdk';

import { tenantLimits } from '../../core/limits/limits.ts';

/**
 * Runs a step to completion even if its invocation is cancelled several times. A cancellation throws at the
 * next await, while the closure of the step is still running. This function then starts the step again, so
 * the step must be idempotent.
 *
 * It is used for the swap, the undo and the settlement. If one of them ended halfway, the Restate state and
 * the database would be inconsistent.
 * @throws CancelledError at the next cancellation after `tenantLimits.ignoredCancels` ignored ones, because
 * so many cancellations must be deliberate
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
