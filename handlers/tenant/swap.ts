import type { ObjectContext } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import { type BundleState, inFlight, slotOf, vacateSlot, withSlot } from '../../core/releases/slot.ts';
import { getBundle, setBundle } from './bundle-state.ts';
import type { SwapResult, SwapRequest } from '../contract/tenant.ts';
import type { Deps } from '../ports/deps.ts';
import type { PointerMove } from '../ports/moves.ts';
import { retriesExhausted, REFUSED } from '../durable/store-unavailable.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';
import { notifySinks } from './notify-sinks.ts';
import { startNext } from './start-release.ts';

/**
 * The maximum number of times that one swap adopts the pointer's generation from the database. All moves go
 * through this object, so the generations differ only after Restate has lost state.
 */
const ADOPTIONS = 2;

/**
 * Moves the live pointer to a release, if that release still occupies the slot. The move also settles the
 * release. A release whose artifact is live already settles without a move. Then frees the slot and starts the next release in the queue.
 *
 * The Restate state decides whether the release may move the pointer. The database then commits the move only
 * if the pointer has the expected generation. A repeated transaction returns the recorded move.
 *
 * Cancelling a release also cancels this call, possibly while the transaction commits. The handler ignores
 * the cancellation, so that it returns the actual result. If the worker dies, Restate replays the handler. If
 * the handler is killed after the move, the release repeats the swap and the slot is freed then. If the
 * release is killed too, the next publish finds that the release in the slot has settled, and the worker's
 * periodic sweep starts the queued releases.
 */
export async function swap(ctx: ObjectContext, deps: Deps, request: SwapRequest): Promise<SwapResult> {
  const state = await getBundle(ctx, deps, request.bundle);
  const slot = slotOf(state, request.channel);
  if (!inFlight(slot, request.version)) return { kind: 'not_current' };
  const result = await moveFenced(ctx, deps, request, slot.generation);
  if (result.kind === 'unchanged') await leaveSlot(ctx, deps, request, state);
  if (result.kind !== 'moved') return result;
  const { sinksToNotify = [], ...moved } = result;
  notifySinks(ctx, { sinksToNotify });
  await leaveSlot(
    ctx,
    deps,
    request,
    withSlot(state, request.channel, { ...slot, generation: moved.generation }),
  );
  return moved;
}

/**
 * Frees the slot of the settled release and starts the next one. If the database is unavailable, the queued
 * releases stay in the queue until the periodic sweep starts them: the result of the swap must not depend on
 * them.
 */
async function leaveSlot(
  ctx: ObjectContext,
  deps: Deps,
  { bundle, channel, version }: SwapRequest,
  state: BundleState,
): Promise<void> {
  const slot = vacateSlot(slotOf(state, channel), version);
  const vacated = withSlot(state, channel, slot);
  setBundle(ctx, bundle, vacated);
  if (slot.queue.length === 0) return;
  try {
    await ignoringCancellation(() => startNext(ctx, deps, { tenant: ctx.key, bundle, channel }, vacated));
  } catch (error) {
    if (!retriesExhausted(error)) throw error;
  }
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
