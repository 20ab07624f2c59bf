import { CancelledError } from '@restatedev/restate-sdk';

import { tenantLimits } from '../../core/limits/limits.ts';

/**
 * Takes a step to its end although its invocation is cancelled, even several times. A cancel surfaces at the next await while the
 * step's closure is still running; the step is then taken again, so it must be one that finds its own earlier effect. Used where
 * stopping half-way would leave durable state and the record in disagreement: the swap, the undo, the last word.
 *
 * @throws CancelledError after so many cancels that somebody evidently means it
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
