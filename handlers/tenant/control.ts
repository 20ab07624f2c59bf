import { InvocationIdParser, type ObjectContext } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import { vacateSlot, slotOf, withSlot } from '../../core/releases/slot.ts';
import { getBundle, setBundle } from './bundle-state.ts';
import type {
  CancelResult,
  CancelRequest,
  HoldResult,
  HoldRequest,
  MoveResult,
  MoveRequest,
} from '../contract/tenant.ts';
import type { Deps } from '../ports/deps.ts';
import { asStoreUnavailable } from '../durable/store-unavailable.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';
import { notifySinks } from './notify-sinks.ts';

/**
 * Promotes or rolls back: moves a pointer to a release that was already published, without compiling it
 * again. A request with the same idempotency key, or a replay, returns the recorded move. The sinks are
 * notified without waiting for them.
 *
 * Cancellations are ignored. Otherwise a move that commits after the cancellation would not be delivered to
 * the sinks. The handler may be killed after the database has committed and before the Restate state is
 * written. The next swap then adopts the generation from the database.
 */
export async function move(ctx: ObjectContext, deps: Deps, request: MoveRequest): Promise<MoveResult> {
  const asked = { ...request, tenant: ctx.key };
  const state = await getBundle(ctx, deps, request.bundle);
  const { sinksToNotify, ...answer } = await asStoreUnavailable(
    ignoringCancellation(() =>
      ctx.run(
        'move pointer by hand',
        () => deps.moves.moveByHand({ ...asked, at: deps.clock.now() }),
        stepRetries.whileHoldingTenant,
      ),
    ),
  );
  if (sinksToNotify) notifySinks(ctx, { sinksToNotify });
  if (answer.kind !== 'moved' || answer.replayed) return answer;
  const slot = { ...slotOf(state, request.channel), generation: answer.pointer.generation };
  setBundle(ctx, request.bundle, withSlot(state, request.channel, slot));
  return answer;
}

/**
 * Puts a pointer on hold, or lifts the hold. Holds are stored only in the database, and every move reads them
 * in its own transaction.
 *
 * Cancellations are ignored. Otherwise a request to lift a hold could commit after its cancellation, and
 * remove a hold that was set in the meantime.
 */
export async function hold(ctx: ObjectContext, deps: Deps, request: HoldRequest): Promise<HoldResult> {
  const asked = { ...request, tenant: ctx.key };
  return asStoreUnavailable(
    ignoringCancellation(() =>
      ctx.run(
        'set hold',
        () => deps.moves.setHold({ ...asked, at: deps.clock.now() }),
        stepRetries.whileHoldingTenant,
      ),
    ),
  );
}

/**
 * Cancels a release. First records the cancellation in the database, which also prevents a later swap. Then
 * cancels the workflow. If it is too late to cancel, returns the outcome of the release.
 */
export async function cancel(ctx: ObjectContext, deps: Deps, request: CancelRequest): Promise<CancelResult> {
  const id = { tenant: ctx.key, bundle: request.bundle, version: request.version };
  const result = await asStoreUnavailable(
    ctx.run(
      'request cancel',
      () => deps.admissions.requestCancel(id, { ...request, at: deps.clock.now() }),
      stepRetries.whileHoldingTenant,
    ),
  );
  if (result.kind !== 'cancelling') return result;
  for (const running of result.invocations) ctx.invocation(InvocationIdParser.fromString(running)).cancel();
  const state = await getBundle(ctx, deps, request.bundle);
  for (const [channel, slot] of state.channels) {
    if (slot.queue.some((queued) => queued.version === request.version)) {
      setBundle(ctx, request.bundle, withSlot(state, channel, vacateSlot(slot, request.version)));
    }
  }
  return { kind: 'cancelling' };
}
