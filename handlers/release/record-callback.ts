import { TerminalError, type WorkflowSharedContext } from '@restatedev/restate-sdk';

import { parseReleaseKey } from '../../core/identifiers.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import type { CallbackResult, CallbackRequest } from '../contract/release.ts';
import { resolveDecisionPromise } from './record-decision.ts';
import type { Deps } from '../ports/deps.ts';
import { asStoreUnavailable } from '../durable/store-unavailable.ts';

/**
 * Hears what came to an address that somebody else was given for this release: the record decides in one transaction what it means, and
 * then the workflow is woken to look there.
 *
 * Dies inside: replayed; the record finds the answer again. Killed between the two: the answer stands, and counts at the latest at the
 * deadline; whoever sends it once more wakes the workflow. Nothing needs an undo.
 */
export async function recordCallback(
  ctx: WorkflowSharedContext,
  deps: Deps,
  request: CallbackRequest,
): Promise<CallbackResult> {
  const id = parseReleaseKey(ctx.key);
  if (!id) throw new TerminalError(`"${ctx.key}" is not the key of a release`, { errorCode: 400 });
  const answered = await asStoreUnavailable(
    ctx.run(
      'record answer',
      () => deps.callbacks.answer(id, { ...request, at: deps.clock.now() }),
      stepRetries.whileSomebodyWaits,
    ),
  );
  if (answered.kind !== 'taken') return answered;
  if (answered.awakeableId !== null) ctx.resolveAwakeable(answered.awakeableId, null);
  if (answered.wake !== null) await resolveDecisionPromise(ctx, answered.wake);
  return { kind: 'taken', replayed: answered.replayed };
}
