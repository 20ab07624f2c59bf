import { TerminalError, type WorkflowSharedContext } from '@restatedev/restate-sdk';

import { parseReleaseKey } from '@pointsman/protocol/identifiers';
import { stepRetries } from '../../core/limits/limits.ts';
import type { CallbackResult, CallbackRequest } from '../contract/release.ts';
import { resolveDecisionPromise } from './record-decision.ts';
import type { Deps } from '../ports/deps.ts';
import { asStoreUnavailable } from '../durable/store-unavailable.ts';

/**
 * Records a report that an external system sent to a callback address of this release. The database applies
 * it in one transaction. Then this handler resolves the promise or the awakeable that the workflow waits for.
 *
 * If the worker dies, Restate replays the handler, and the transaction is idempotent. If the handler is
 * killed between the two steps, the report is recorded, and the workflow reads it at its deadline at the
 * latest. If the external system repeats the report, the workflow resumes earlier. Nothing must be undone.
 */
export async function recordCallback(
  ctx: WorkflowSharedContext,
  deps: Deps,
  request: CallbackRequest,
): Promise<CallbackResult> {
  const id = parseReleaseKey(ctx.key);
  if (!id) throw new TerminalError(`"${ctx.key}" is not the key of a release`, { errorCode: 400 });
  const recorded = await asStoreUnavailable(
    ctx.run(
      'record callback',
      () => deps.callbacks.recordReport(id, { ...request, at: deps.clock.now() }),
      stepRetries.whileSomebodyWaits,
    ),
  );
  if (recorded.kind !== 'taken') return recorded;
  if (recorded.awakeableId !== null) ctx.resolveAwakeable(recorded.awakeableId, null);
  if (recorded.decisionNumber !== null) await resolveDecisionPromise(ctx, recorded.decisionNumber);
  return { kind: 'taken', replayed: recorded.replayed };
}
