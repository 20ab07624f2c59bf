import { InvocationIdParser, type ObjectContext } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import { inFlight, vacateSlot, slotOf, withSlot } from '../../core/releases/slot.ts';
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
 * Promotes or rolls back: moves a pointer to a release that was already published, without compiling it again. If it
 * is replayed or repeated with the same idempotency key, it returns the recorded move. It notifies sinks without
 * waiting for them. It ignores cancellations; otherwise sinks would not be notified of a move that commits after the
 * cancellation. If it is killed between the database and the durable state, the next swap adopts the newer generation
 * from the database.
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
 * Holds a pointer, or lifts the hold. Only the database stores holds, and every move reads them in its own
 * transaction. It ignores cancellations, because a lift that commits late could remove a hold that was set in
 * the meantime.
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
 * Cancels a release. First records the intent in the database, which also stops a later swap. Then cancels
 * the workflow. If it is too late to cancel, returns the release's current state.
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
  const state = await getBundle(ctx, deps, request.bundle);
  for (const [channel, slot] of state.channels) {
    const running = inFlight(slot, request.version);
    if (running?.invocationId) ctx.invocation(InvocationIdParser.fromString(running.invocationId)).cancel();
    if (slot.queue.some((queued) => queued.version === request.version)) {
      setBundle(ctx, request.bundle, withSlot(state, channel, vacateSlot(slot, request.version)));
    }
  }
  return result;
}
