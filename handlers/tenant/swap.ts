import type { ObjectContext } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import { type BundleState, inFlight, slotOf, withSlot } from '../../core/releases/slot.ts';
import { getBundle, setBundle } from './bundle-state.ts';
import type { SwapResult, SwapRequest } from '../contract/tenant.ts';
import type { Deps } from '../ports/deps.ts';
import type { PointerMove } from '../ports/moves.ts';
import { retriesExhausted, REFUSED } from '../durable/store-unavailable.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';
import { notifySinks } from './notify-sinks.ts';

/**
 * The maximum number of times that one swap adopts the pointer's generation from the database. All moves go
 * through this object, so the generations differ only after Restate has lost state.
 */
const ADOPTIONS = 2;

/**
 * Moves the live pointer to a release, if that release still occupies the slot.
 *
 * The Restate state decides whether the release may move the pointer. The database then commits the move only
 * if the pointer has the expected generation. A repeated transaction returns the recorded move.
 *
 * Cancelling a release also cancels this call, possibly while the transaction commits. The handler ignores
 * the cancellation, so that it returns the actual result. If the worker dies, Restate replays the handler. If
 * the handler is killed, the pointer may or may not have moved, and the worker's periodic sweep reads the
 * result from the database.
 */
export async function swap(ctx: ObjectContext, deps: Deps, request: SwapRequest): Promise<SwapResult> {
  const state = await getBundle(ctx, deps, request.bundle);
  const slot = slotOf(state, request.channel);
  if (!inFlight(slot, request.version)) return { kind: 'not_current' };
  const result = await moveFenced(ctx, deps, request, slot.generation);
  if (result.kind !== 'moved') return result;
  const { sinksToNotify = [], ...moved } = result;
  notifySinks(ctx, { sinksToNotify });
  setBundle(ctx, request.bundle, afterMove(state, request, moved.generation));
  return moved;
}

async function moveFenced(
  ctx: ObjectContext,
  deps: Deps,
  request: SwapRequest,
  generation: number,
): Promise<Exclude<PointerMove, { kind: 'state_behind' }>> {
  let expectedGeneration = generation;
  for (let adopted = 0; ; adopted++) {
    const result = await tryMove(ctx, deps, request, expectedGeneration);
    if (result.kind !== 'state_behind') return result;
    if (adopted >= ADOPTIONS) return { kind: 'unavailable' };
    expectedGeneration = result.generation;
  }
}

async function tryMove(
  ctx: ObjectContext,
  deps: Deps,
  request: SwapRequest,
  expectedGeneration: number,
): Promise<PointerMove> {
  const move = { ...request, tenant: ctx.key, expectedGeneration };
  try {
    return await ignoringCancellation(() =>
      ctx.run(
        'move pointer',
        () => deps.moves.moveByRelease({ ...move, at: deps.clock.now() }),
        stepRetries.whileHoldingTenant,
      ),
    );
  } catch (error) {
    if (!retriesExhausted(error) || error.code === REFUSED) throw error;
    return { kind: 'unavailable' };
  }
}

function afterMove(state: BundleState, request: SwapRequest, generation: number): BundleState {
  const slot = slotOf(state, request.channel);
  const current = slot.inFlight && { ...slot.inFlight, swapped: true };
  return withSlot(state, request.channel, { ...slot, generation, inFlight: current });
}
