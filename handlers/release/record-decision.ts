import { TerminalError, type WorkflowSharedContext } from '@restatedev/restate-sdk';

import { parseReleaseKey } from '@pointsman/protocol/identifiers';
import { stepRetries } from '../../core/limits/limits.ts';
import { type DecisionResult, type DecisionRequest, gateDecisionPromise } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { retriesExhausted, asStoreUnavailable } from '../durable/store-unavailable.ts';

/**
 * Records a decision on a gate of this release. The database applies it in one transaction. Then, if the
 * decision changed the state of the gate, this handler resolves the promise that the workflow waits for.
 *
 * If the worker dies, Restate replays the handler, and the database finds the decision by its idempotency
 * key. If the handler is killed between the two steps, the decision is recorded, and the workflow reads it at
 * its next evaluation. If the client repeats the request, the workflow resumes earlier. Nothing must be
 * undone.
 */
export async function recordDecision(
  ctx: WorkflowSharedContext,
  deps: Deps,
  request: DecisionRequest,
): Promise<DecisionResult> {
  const id = parseReleaseKey(ctx.key);
  if (!id) throw new TerminalError(`"${ctx.key}" is not the key of a release`, { errorCode: 400 });
  const result = await asStoreUnavailable(
    ctx.run(
      'record decision',
      () => deps.gates.recordDecision(id, { ...request, at: deps.clock.now() }),
      stepRetries.whileSomebodyWaits,
    ),
  );
  if (result.kind === 'recorded' && result.decisionNumber !== null)
    await resolveDecisionPromise(ctx, result.decisionNumber);
  return result;
}

/**
 * Resolves the promise of the n-th decision. For a repeated request the promise is already resolved, and
 * Restate rejects the second resolve. This function ignores that error.
 */
export async function resolveDecisionPromise(ctx: WorkflowSharedContext, n: number): Promise<void> {
  try {
    await ctx.promise<null>(gateDecisionPromise(n)).resolve(null);
  } catch (error) {
    if (!retriesExhausted(error)) throw error;
  }
}
