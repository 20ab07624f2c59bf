import { TerminalError, type WorkflowSharedContext } from '@restatedev/restate-sdk';

import { parseReleaseKey } from '../../core/identifiers.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import { type DecisionResult, type DecisionRequest, gateDecisionPromise } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { retriesExhausted, asStoreUnavailable } from '../durable/store-unavailable.ts';

/**
 * Hears somebody's word on a gate of this release: the record decides in one transaction what it changes, and the workflow is woken if
 * it changes anything.
 *
 * Dies inside: replayed; the record finds the word by its idempotency key. Killed between the two: the word stands, and counts when the
 * workflow looks next; whoever sends it once more wakes it. Nothing needs an undo.
 */
export async function recordDecision(
  ctx: WorkflowSharedContext,
  deps: Deps,
  request: DecisionRequest,
): Promise<DecisionResult> {
  const id = parseReleaseKey(ctx.key);
  if (!id) throw new TerminalError(`"${ctx.key}" is not the key of a release`, { errorCode: 400 });
  const answer = await asStoreUnavailable(
    ctx.run(
      'hear word',
      () => deps.gates.recordDecision(id, { ...request, at: deps.clock.now() }),
      stepRetries.whileSomebodyWaits,
    ),
  );
  if (answer.kind === 'heard' && answer.wake !== null) await resolveDecisionPromise(ctx, answer.wake);
  return answer;
}

/** Restate refuses to settle a promise twice, which is what saying a word twice comes to. */
export async function resolveDecisionPromise(ctx: WorkflowSharedContext, n: number): Promise<void> {
  try {
    await ctx.promise<null>(gateDecisionPromise(n)).resolve(null);
  } catch (error) {
    if (!retriesExhausted(error)) throw error;
  }
}
