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
 * Promotes or rolls back: moves a pointer by hand to a release that was published before. Builds nothing and starts nothing.
 * Repeated under one idempotency key, or replayed, it finds its own move. Sinks are told of it one way. A cancel is not listened to, since a move that commits late
 * would be one that nobody was told of. Killed between the record and the state: the next swap finds its generation behind and adopts
 * the record's.
 */
export async function move(ctx: ObjectContext, deps: Deps, request: MoveRequest): Promise<MoveResult> {
  const asked = { ...request, tenant: ctx.key };
  const state = await getBundle(ctx, deps, request.bundle);
  const { wakes, ...answer } = await asStoreUnavailable(
    ignoringCancellation(() =>
      ctx.run(
        'move pointer by hand',
        () => deps.moves.moveByHand({ ...asked, at: deps.clock.now() }),
        stepRetries.whileHoldingTenant,
      ),
    ),
  );
  if (wakes) notifySinks(ctx, { wakes });
  if (answer.kind !== 'moved' || answer.replayed) return answer;
  const slot = { ...slotOf(state, request.channel), generation: answer.pointer.generation };
  setBundle(ctx, request.bundle, withSlot(state, request.channel, slot));
  return answer;
}

/**
 * Pins a pointer, or lifts the pin. Only the record keeps holds: every move looks there, in its own transaction. A cancel is not listened
 * to: a lift that commits late would take away the hold that somebody has put on meanwhile.
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
 * Cancels a release: writes the wish on record, where the swap will see it whatever happens, and then wakes the workflow. The
 * record answers what stands when it is too late.
 */
export async function cancel(ctx: ObjectContext, deps: Deps, request: CancelRequest): Promise<CancelResult> {
  const id = { tenant: ctx.key, bundle: request.bundle, version: request.version };
  const answer = await asStoreUnavailable(
    ctx.run(
      'request cancel',
      () => deps.admissions.requestCancel(id, { ...request, at: deps.clock.now() }),
      stepRetries.whileHoldingTenant,
    ),
  );
  if (answer.kind !== 'cancelling') return answer;
  const state = await getBundle(ctx, deps, request.bundle);
  for (const [channel, slot] of state.channels) {
    const running = inFlight(slot, request.version);
    if (running?.invocationId) ctx.invocation(InvocationIdParser.fromString(running.invocationId)).cancel();
    if (slot.queue.some((queued) => queued.version === request.version)) {
      setBundle(ctx, request.bundle, withSlot(state, channel, vacateSlot(slot, request.version)));
    }
  }
  return answer;
}
